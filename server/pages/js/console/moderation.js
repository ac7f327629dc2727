// What keeps the room in order beside single comments: its words, its helpers, and who of the staff did what.

import { useEffect, useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";
import { Acts } from "./acts.js";

const PARTS = ["words", "helpers", "acts"];
const LISTS = ["mask", "review", "reject"];

export function ModerationButton({ desk }) {
  const [open, setOpen] = useState(false);
  return html`<button class="icon-btn tiny" aria-label=${t("console.moderation")} title=${t("console.moderation")} data-testid="moderation" onClick=${() => setOpen(true)}><${Icon} name="shield" size=${16} /></button>
    ${open && html`<${Moderation} desk=${desk} onClose=${() => setOpen(false)} />`}`;
}

function Moderation({ desk, onClose }) {
  const [part, setPart] = useState("words");
  return html`<${Sheet} title=${t("console.moderation")} onClose=${onClose} testid="moderation-sheet" class="wide">
    <div class="segments" role="tablist" aria-label=${t("console.moderation")}>${PARTS.map((name) => html`<button key=${name} type="button" role="tab" aria-selected=${part === name} data-testid="moderation-${name}" onClick=${() => setPart(name)}>${t(`console.moderation.${name}`)}</button>`)}</div>
    ${part === "words" && html`<${Words} desk=${desk} />`}
    ${part === "helpers" && html`<${Helpers} desk=${desk} />`}
    ${part === "acts" && html`<${Acts} desk=${desk} />`}
  <//>`;
}

/** One word or phrase a line, one field a consequence. */
function Words({ desk }) {
  const [lists, setLists] = useState(null);
  useEffect(() => { desk.run("words.get").then((kept) => kept && setLists(kept)); }, []);
  if (!lists) return html`<p class="quiet row"><span class="spinner"></span></p>`;
  const save = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const asked = Object.fromEntries(LISTS.map((name) => [name, String(form.get(name)).split("\n").map((line) => line.trim()).filter(Boolean)]));
    const kept = await desk.run("words.set", asked);
    if (kept) { setLists(kept); toast(t("console.saved"), { kind: "good" }); }
  };
  return html`<form class="stack" onSubmit=${save}>
    <p class="quiet small">${t("console.words_hint")}</p>
    ${LISTS.map((name) => html`<label key=${name} class="field"><span>${t(`console.words.${name}`)}</span><textarea class="input" rows="4" name=${name} defaultValue=${lists[name].join("\n")} data-testid="words-${name}"></textarea></label>`)}
    <button class="btn primary" data-testid="words-save">${t("console.save")}</button>
  </form>`;
}

/** Who helps: appointed by id, or from the people who spoke. */
function Helpers({ desk }) {
  const [userId, setUserId] = useState("");
  const helpers = desk.helpers.value;
  const appoint = async (event) => {
    event.preventDefault();
    if (userId.trim() && (await desk.run("assistant.add", { user_id: userId.trim() }))) setUserId("");
  };
  const names = new Map(desk.comments.value.map((one) => [one.user.id, one.user.name]));
  return html`<form class="stack" onSubmit=${appoint}>
    <p class="quiet small">${t("console.helpers_hint")}</p>
    <div class="row"><input class="input small grow" list="speakers" value=${userId} placeholder=${t("console.user_id")} aria-label=${t("console.user_id")} data-testid="helper-id" onInput=${(event) => setUserId(event.currentTarget.value)} />
      <datalist id="speakers">${[...names].map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</datalist>
      <button class="btn small" data-testid="helper-add" disabled=${!userId.trim()}>${t("console.appoint")}</button></div>
    ${!helpers.length && html`<p class="quiet">${t("console.helpers_none")}</p>`}
    ${helpers.map((id) => html`<div key=${id} class="row apart helper" data-testid="helper"><span class="clip">${names.get(id) ?? id} <span class="quiet small">${id}</span></span>
      <button type="button" class="btn tiny ghost" data-testid="helper-remove" onClick=${() => desk.run("assistant.remove", { user_id: id })}>${t("console.dismiss")}</button></div>`)}
  </form>`;
}
