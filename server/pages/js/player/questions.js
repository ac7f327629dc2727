// Questions as data: the board everybody sees, the list behind it, asking and wanting an answer.

import { signal } from "@preact/signals-core";

import * as api from "../api.js";
import { errorText, t } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, roomId, view } from "./live.js";
import { needPerson } from "./login.js";

const LOOK_MS = 1_500; // between two looks at the list while its sheet is open

export const board = view.part("questions");
export const askOpen = signal(false);
export const listed = signal({ open: null, answered: null }); // null until the first answer
let lookedRev = -1;
let lookedAt = 0;
let waiting = null;

/** Reads the list again when the board has moved on; not more often than every `LOOK_MS`. */
export function follow() {
  const rev = board.value?.rev ?? 0;
  if (!askOpen.value || rev === lookedRev || waiting) return;
  waiting = setTimeout(look, Math.max(0, lookedAt + LOOK_MS - Date.now()));
}

async function look() {
  waiting = null;
  lookedAt = Date.now();
  lookedRev = board.value?.rev ?? 0;
  const path = `/v1/rooms/${encodeURIComponent(roomId)}/questions`;
  try {
    const [open, answered] = await Promise.all([api.get(path), api.get(`${path}?state=answered`)]);
    listed.value = { open: open.questions, answered: answered.questions };
  } catch {
    lookedRev = -1; // the next change of the board, or opening the sheet, looks again
  }
  follow();
}

/** Opens the sheet with a fresh list: whether one has voted may have changed with the login. */
export function openAsk() {
  lookedRev = -1;
  askOpen.value = true;
  follow();
}

export async function ask(text) {
  if (!(await needPerson())) return false;
  try {
    await client.send("question.ask", { text });
    toast(t("question.asked"), { kind: "good" });
    lookedRev = -1;
    follow();
    return true;
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
    return false;
  }
}

export async function want(question) {
  if (!(await needPerson())) return;
  try {
    const { votes } = await client.send("question.vote", { question_id: question.question_id });
    const open = listed.value.open?.map((one) => (one.question_id === question.question_id ? { ...one, votes, voted: true } : one));
    listed.value = { ...listed.value, open };
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
  }
}

board.subscribe(follow);
