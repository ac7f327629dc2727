// Who came, from where, how long they stayed, and which products they looked at.

import { useState } from "preact/hooks";

import { countdown, percent, whole } from "../format.js";
import en from "../i18n/audience.en.js";
import zh from "../i18n/audience.zh.js";
import { addWords, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";

addWords({ zh, en });

const part = (some, all) => (all > 0 ? some / all : 0);
const share = (some, all) => (all > 0 ? percent(some / all) : "–");

export function AudienceButton({ desk }) {
  const [open, setOpen] = useState(false);
  return html`<button class="icon-btn tiny" type="button" data-testid="audience" aria-label=${t("console.audience")} title=${t("console.audience")} onClick=${() => setOpen(true)}><${Icon} name="users" size=${18} /></button>
    ${open && html`<${Audience} desk=${desk} onClose=${() => setOpen(false)} />`}`;
}

function Audience({ desk, onClose }) {
  const numbers = desk.metrics.value;
  return html`<${Sheet} title=${t("console.audience")} class="wide" onClose=${onClose} testid="audience-sheet">
    ${numbers ? html`<div class="stack audience"><${People} numbers=${numbers} /><${Staying} retention=${numbers.retention} />
      <${Sources} numbers=${numbers} /><${Products} desk=${desk} products=${numbers.products} /></div>` : html`<p class="quiet">${t("console.waiting")}</p>`}
  <//>`;
}

function People({ numbers }) {
  const each = part(numbers.watch_s, numbers.visitors) * 1000;
  const facts = [
    ["visitors", whole(numbers.visitors)], ["entries", whole(numbers.entries)],
    ["returned", `${whole(numbers.returned)} · ${share(numbers.returned, numbers.visitors)}`],
    ["watched_each", countdown(each)], ["shares", whole(numbers.shares)],
  ];
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt class="quiet small">${t(`console.audience.${name}`)}</dt><dd class="num" data-testid="audience-${name}">${value}</dd></div>`)}</dl>`;
}

function Staying({ retention }) {
  return html`<section class="stack"><h3>${t("console.audience.stayed")}</h3><div class="stays">
    ${retention.map(({ minutes, stayed, of }) => html`<div key=${minutes} class="stay"><span>${t("console.audience.minutes", { n: minutes })}</span>
      <span class="bar" aria-hidden="true"><i class="green" style=${{ width: `${100 * part(stayed, of)}%` }}></i></span>
      <span class="num">${share(stayed, of)}</span><span class="quiet small num">${whole(stayed)}/${whole(of)}</span></div>`)}</div></section>`;
}

function Sources({ numbers }) {
  const name = (label) => (["direct", "share", "other"].includes(label) ? t(`console.source.${label}`) : label);
  const rows = [...numbers.sources.map((one) => ["source", one]), ...numbers.channels.map((one) => ["channel", one]), ...numbers.buckets.map((one) => ["bucket", one])];
  return html`<section class="stack"><h3>${t("console.audience.from")}</h3>
    ${rows.length === 0 ? html`<p class="quiet">${t("console.audience.nobody")}</p>` : html`<div class="scroll-x" tabindex="0"><table class="table" data-testid="sources"><thead><tr><th>${t("console.audience.kind")}</th><th>${t("console.audience.name")}</th><th class="end">${t("console.audience.entries")}</th><th class="end">${t("console.audience.visitors")}</th><th class="end">${t("console.audience.five")}</th></tr></thead>
      <tbody>${rows.map(([kind, one]) => html`<tr key=${`${kind} ${one.name}`}><td class="quiet">${t(`console.audience.${kind}`)}</td><td>${name(one.name)}</td><td class="end num">${whole(one.entries)}</td><td class="end num">${whole(one.visitors)}</td><td class="end num">${one.stayed ? share(one.stayed["5"], one.visitors) : ""}</td></tr>`)}</tbody></table></div>`}
    ${numbers.inviters.length > 0 && html`<p class="quiet" data-testid="inviters">${t("console.audience.inviters")}: ${numbers.inviters.map((one) => `${one.user_id} (${whole(one.invited)})`).join(", ")}</p>`}</section>`;
}

function Products({ desk, products }) {
  if (products.length === 0) return null;
  return html`<section class="stack"><h3>${t("console.audience.products")}</h3><div class="scroll-x" tabindex="0"><table class="table" data-testid="looks"><thead><tr><th>${t("console.product")}</th><th class="end">${t("console.audience.exposures")}</th><th class="end">${t("console.audience.clicks")}</th><th class="end">${t("console.audience.ctr")}</th><th class="end">${t("console.audience.explained")}</th></tr></thead>
    <tbody>${products.map((one) => html`<tr key=${one.product_id}><td>${desk.titleOf(one)}</td><td class="end num">${whole(one.exposures)}</td><td class="end num">${whole(one.clicks)}</td><td class="end num">${share(one.clicks, one.exposures)}</td><td class="end num">${countdown(one.explain_s * 1000)}</td></tr>`)}</tbody></table></div></section>`;
}
