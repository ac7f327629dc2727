// The run-sheet at the desk: what is planned, what was run and when, and one button for the next.

import { useEffect, useState } from "preact/hooks";

import { command, get } from "../api.js";
import { countdown } from "../format.js";
import { errorText, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { SheetForm } from "./sheet_form.js";

const LOOK_MS = 2_000; // other staff may press too
const ON_TIME_S = 30;

/** What the server keeps of an item; `ran` is its own business. */
const bare = ({ item_id, title, minute, act }) => ({ item_id, title, minute, ...(act && { act }) });

function useSheet(desk) {
  const [sheet, setSheet] = useState(null);
  const look = () => get(`/v1/rooms/${encodeURIComponent(desk.roomId)}/run-sheet`).then(setSheet, () => {});
  useEffect(() => {
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  return [sheet, setSheet, look];
}

export function SheetPart({ desk }) {
  const [sheet, setSheet, look] = useSheet(desk);
  const [busy, setBusy] = useState(false);
  if (!sheet) return html`<div class="empty"><p>${t("console.loading")}</p></div>`;
  const { items, next, rev } = sheet;
  const put = async (changed) => {
    try {
      setSheet((await command(desk.roomId, "run_sheet.put", { items: changed.map(bare), rev })).ok); // by HTTP: a plan may be long
      return true;
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
      await look();
      return false;
    }
  };
  const run = async () => {
    setBusy(true);
    const ran = await desk.run("run_sheet.next", { expect: next });
    if (ran?.ran) toast(t("console.sheet_ran", { title: items[next].title }), { kind: "good" });
    await look();
    setBusy(false);
  };
  return html`${items.length > 0 && html`<div class="sheet-next"><p class="grow">${items[next] ? items[next].title : t("console.sheet_done")}</p>
      <button class="btn small primary" disabled=${busy || !items[next]} data-testid="sheet-next" onClick=${run}><${Icon} name="play" size=${14} />${t("console.sheet_next")}</button></div>`}
    ${items.length === 0 && html`<div class="empty short"><p>${t("console.sheet_empty")}</p></div>`}
    ${items.length > 0 && html`<table class="table"><thead><tr><th class="shrink">${t("console.sheet_planned")}</th><th>${t("console.sheet_title")}</th><th class="shrink end">${t("console.sheet_actual")}</th></tr></thead>
      <tbody>${items.map((item, index) => html`<${Row} key=${item.item_id} item=${item} index=${index} next=${next} items=${items} put=${put} />`)}</tbody></table>`}
    <${SheetForm} desk=${desk} onAdd=${(item) => put([...items, item])} />`;
}

function Row({ item, index, next, items, put }) {
  const done = index < next;
  const swap = (by) => {
    const changed = [...items];
    [changed[index], changed[index + by]] = [changed[index + by], changed[index]];
    return put(changed);
  };
  const act = (name, label, onClick, off) => html`<button class="icon-btn tiny" aria-label=${label} title=${label} disabled=${off} onClick=${onClick}><${Icon} name=${name} size=${14} /></button>`;
  return html`<tr class=${`sheet-row ${done ? "ran" : index === next ? "next" : ""}`} data-testid="sheet-row" data-done=${done}>
    <td class="shrink when">${item.minute} ${t("console.sheet_minute")}</td>
    <td class="what"><p title=${item.title}>${item.title}</p></td>
    <td class="shrink end when">${done ? html`<${Actual} item=${item} />` : html`<span class="acts">
      ${act("up", t("console.sheet_up"), () => swap(-1), index === next)}${act("down", t("console.sheet_down"), () => swap(1), index === items.length - 1)}
      ${act("trash", t("console.sheet_remove"), () => put(items.filter((one) => one !== item)))}</span>`}</td></tr>`;
}

function Actual({ item }) {
  if (item.ran.outcome !== "ok") return html`<span class="late">${t("console.sheet_running")}</span>`;
  const late = item.late_s;
  const word = Math.abs(late) <= ON_TIME_S ? t("console.sheet_on_time") : t(late > 0 ? "console.sheet_late" : "console.sheet_early", { time: countdown(Math.abs(late) * 1000) });
  return html`<span class=${Math.abs(late) <= ON_TIME_S ? "good" : late > 0 ? "late" : "early"} data-testid="sheet-actual">${item.actual_minute} ${t("console.sheet_minute")} · ${word}</span>`;
}
