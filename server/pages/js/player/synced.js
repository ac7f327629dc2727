// Pop-ups that wait for the picture: a stream runs seconds behind, and a card must not come before the host lifts it.
// Pure: the clock of the picture, the time and the timer are handed in.

export const HOLD_MS_MAX = 15_000;
const APART_MS_MAX = 120_000; // a picture further off than this goes by another clock: a recording

/** How long to hold what happened at `eventMs` while the picture shows `pictureMs` (null: it does not say). */
export function holdMs(eventMs, pictureMs) {
  if (pictureMs === null || !Number.isFinite(pictureMs)) return 0;
  const behind = eventMs - pictureMs;
  return behind <= 0 || behind > APART_MS_MAX ? 0 : Math.min(behind, HOLD_MS_MAX);
}

/** Runs acts when the picture has come to them, never one before an earlier one. */
export class Holds {
  #freeAt = 0;

  constructor({ pictureAt, now = () => performance.now(), later = (act, ms) => setTimeout(act, ms) }) {
    this.pictureAt = pictureAt;
    this.now = now;
    this.later = later;
  }

  run(eventMs, act) {
    const now = this.now();
    const at = Math.max(now + holdMs(eventMs, this.pictureAt()), this.#freeAt);
    if (at <= now) return act();
    this.#freeAt = Math.min(at, now + HOLD_MS_MAX);
    return this.later(act, this.#freeAt - now);
  }
}
