// Coupons at the console: dropping one, and how many of each are left.

import { useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { centsOf, wholeOf } from "./money_field.js";

const SEGMENTS = ["all", "new", "bought"];
const TASKS = ["", "comment", "like", "share", "watch_s"];
const WATCH_S = 60;
const QUOTA_MAX = 1_000_000;

/** The command's parameters, or {fault: word key}. */
export function couponOf(form) {
  const title = form.title.value.trim();
  const off = centsOf(form.off.value);
  const threshold = form.threshold.value.trim() === "" ? 0 : centsOf(form.threshold.value);
  const quota = wholeOf(form.quota.value, 1, QUOTA_MAX);
  if (!title) return { fault: "console.fault.coupon_title" };
  if (!off) return { fault: "console.fault.coupon_off" };
  if (threshold === null) return { fault: "console.fault.coupon_threshold" };
  if (quota === null) return { fault: "console.fault.coupon_quota" };
  const task = form.task.value;
  const [task_s, repurchase] = [task === "watch_s" && { watch_s: WATCH_S }, form.bought.checked && { repurchase: true }];
  return { params: { title, off_cents: off, threshold_cents: threshold, quota, task, segment: form.segment.value, ...task_s, ...repurchase } };
}

export function CouponPanel({ desk }) {
  const list = Object.values(desk.coupons.value ?? {}).reverse();
  return html`<section class="coupons" aria-label=${t("console.play.coupon")}>
    ${list.map((one) => html`<p key=${one.coupon_id} class="row apart" data-testid="coupon-row" data-coupon=${one.coupon_id}>
      <span class="grow clip">${one.title} <span class="quiet">${one.percent ? `${one.percent}%` : money(one.off_cents)}</span></span>
      <span class="num" data-testid="coupon-remaining">${t("console.coupon_left", { left: whole(one.remaining), quota: whole(one.quota) })}</span></p>`)}
    <${CouponForm} desk=${desk} />
  </section>`;
}

function CouponForm({ desk }) {
  const [fault, setFault] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const coupon = couponOf(form);
    setFault(coupon.fault ?? null);
    if (!coupon.fault && (await desk.run("coupon.drop", coupon.params))) form.reset();
  };
  return html`<form class="grid-form lottery-form" data-testid="coupon-form" onSubmit=${submit} noValidate>
    <label class="field w-6 half"><span>${t("console.coupon_title")}</span><input class="input small" name="title" maxlength="80" data-testid="coupon-title" /></label>
    <label class="field w-3 half"><span>${t("console.coupon_off")}</span><input class="input small num" name="off" inputmode="decimal" data-testid="coupon-off" /></label>
    <label class="field w-3 half"><span>${t("console.coupon_threshold")}</span><input class="input small num" name="threshold" inputmode="decimal" placeholder="0" data-testid="coupon-threshold" /></label>
    <label class="field w-4 half"><span>${t("console.coupon_for")}</span><select class="select small" name="segment" data-testid="coupon-segment">${SEGMENTS.map((one) => html`<option value=${one}>${t(`console.coupon_for.${one}`)}</option>`)}</select></label>
    <label class="field w-3 half"><span>${t("console.coupon_quota")}</span><input class="input small num" name="quota" inputmode="numeric" defaultValue="100" data-testid="coupon-quota" /></label>
    <label class="field w-5 half"><span>${t("console.coupon_task")}</span><select class="select small" name="task" data-testid="coupon-task">${TASKS.map((task) => html`<option value=${task}>${t(`console.coupon_task.${task || "none"}`)}</option>`)}</select></label>
    <div class="w-6 half checks"><label><input type="checkbox" name="bought" data-testid="coupon-repurchase" />${t("console.coupon_bought")}</label></div>
    <div class="w-6 half form-foot"><button class="btn small gold" data-testid="coupon-drop-button">${t("console.coupon_drop")}</button></div>
    ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
  </form>`;
}
