// What is held until the picture comes to it: the card that pops up and the announcement. Nothing that is counted or sold.

import { signal } from "@preact/signals-core";

import { picture } from "../ui/picture_clock.js";
import { room } from "./live.js";
import { Holds } from "./synced.js";

const holds = new Holds({ pictureAt: () => picture.at() });
let latest = null;

/** The announcement as it is shown. */
export const announced = signal(null);

/** Does `act` when the picture shows what happened at `eventMs`, or at once where the room does not want to wait. */
export function hold(eventMs, act) {
  if (room.value?.settings?.synced_popups) holds.run(eventMs, act);
  else act();
}

room.subscribe((now) => {
  const said = now?.announcement ?? null;
  if (said?.ts === latest?.ts && said?.text === latest?.text) return;
  latest = said;
  const show = () => (announced.value = latest);
  if (said) hold(said.ts, show);
  else show(); // what is taken back goes at once
});
