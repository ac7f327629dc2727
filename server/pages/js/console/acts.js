// Who of the staff did what, in words: a person scans many of these. The CSV keeps the operations as the API names them.

import { useEffect, useState } from "preact/hooks";

import { get } from "../api.js";
import { clock, dateTime, money } from "../format.js";
import { errorText, t } from "../i18n.js";
import "../i18n/trail.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import { download } from "./exports.js";

const ACTS_PAGE = 50;
const VALUE_CHARS_MAX = 60;
const UNSAID = new Set(["key", "preflight", "expect", "rev"]); // for machines: they tell a person nothing

export function Acts({ desk }) {
  const [acts, setActs] = useState([]);
  const [next, setNext] = useState(undefined); // undefined: not asked yet; null: that was all
  const path = `/v1/rooms/${encodeURIComponent(desk.roomId)}/staff-acts`;
  const more = async () => {
    try {
      const page = await get(`${path}?limit=${ACTS_PAGE}${next ? `&before=${next}` : ""}`);
      setActs((before) => [...before, ...page.acts]);
      setNext(page.next);
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
      setNext(null);
    }
  };
  useEffect(() => { more(); }, []);
  const save = () => download(`${path}.csv`, `${desk.roomId}-staff-acts.csv`);
  return html`<div class="stack">
    <div class="row apart"><span class="quiet small">${t("console.acts_hint")}</span><button type="button" class="btn tiny" data-testid="acts-csv" onClick=${save}>${t("console.acts_csv")}</button></div>
    ${next === null && !acts.length && html`<p class="quiet">${t("console.acts_none")}</p>`}
    <table class="acts-table"><tbody>${acts.map((act) => html`<${Act} key=${act.act_id} act=${act} />`)}</tbody></table>
    ${next && html`<button type="button" class="btn small" data-testid="acts-more" onClick=${more}>${t("console.acts_more")}</button>`}
  </div>`;
}

function Act({ act }) {
  const role = t(`console.role.${act.actor.role || "admin"}`);
  return html`<tr data-testid="staff-act" data-op=${act.op}><td class="num quiet">${clock(act.at_ms)}</td>
    <td class="clip">${act.actor.name || act.actor.id}<br /><span class="quiet small">${role}</span></td>
    <td>${named(`trail.op.${act.op}`, act.op)}<br /><span class="quiet small">${summary(act.detail)}</span></td></tr>`;
}

/** In the reader's language, or as the API says it when a newer server sends what these pages do not know. */
function named(key, name) {
  const words = t(key);
  return words === key ? name : words;
}

/** What was asked for, short. */
function summary(detail) {
  const told = Object.entries(detail).filter(([name, value]) => !UNSAID.has(name) && !empty(value));
  return told.map(([name, value]) => `${named(`trail.field.${name}`, name)} ${said(name, value)}`).join(" · ");
}

const empty = (value) => value === "" || value === null || (typeof value === "object" && !Object.keys(value).length);

function said(name, value) {
  if (typeof value === "boolean") return t(value ? "trail.yes" : "trail.no");
  if (typeof value === "number" && name.endsWith("_cents")) return money(value);
  if (typeof value === "number" && name.endsWith("_ms")) return dateTime(value);
  if (typeof value === "number" && name.endsWith("_s") && !name.endsWith("_per_s")) return t("trail.seconds", { n: value });
  const listed = Array.isArray(value) && value.every((one) => typeof one === "string");
  const plain = typeof value === "string" ? value : listed ? value.join(", ") : JSON.stringify(value);
  return plain.length > VALUE_CHARS_MAX ? `${plain.slice(0, VALUE_CHARS_MAX)}…` : plain;
}
