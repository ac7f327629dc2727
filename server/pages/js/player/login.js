// The nickname sheet. It is asked for only by what needs a name: a comment, a draw, a purchase.

import { computed, signal } from "@preact/signals-core";
import { useState } from "preact/hooks";

import { config } from "../config.js";
import { errorText, t } from "../i18n.js";
import * as session from "../session.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { client, online, person, roomId } from "./live.js";

const asked = signal(null);
const open = computed(() => config.value?.dev ?? true); // whether nicknames are accepted here; false once the server says so

/** Resolves to true once somebody is signed in and the line is up with that name, false when the sheet is closed. */
export function needPerson() {
  if (person.value) return Promise.resolve(true);
  return new Promise((resolve) => (asked.value = resolve));
}

function answer(signedIn) {
  asked.value?.(signedIn);
  asked.value = null;
}

async function signIn(name) {
  await session.login(name, { room: roomId });
  client.reconnect();
  await online();
  answer(true);
}

export function LoginSheet() {
  const [name, setName] = useState("");
  const [state, setState] = useState({ busy: false, error: null });
  if (!asked.value) return null;

  const submit = async (event) => {
    event.preventDefault();
    if (!name.trim() || state.busy) return;
    setState({ busy: true, error: null });
    try {
      await signIn(name.trim());
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };

  return html`<${Sheet} title=${t("login.title")} onClose=${() => answer(false)} testid="login-sheet">
    ${open.value
      ? html`<form class="stack" onSubmit=${submit}>
          <p class="quiet">${t("login.why")}</p>
          <label class="field"><span>${t("login.name")}</span>
            <input class="input" value=${name} maxlength="20" autocomplete="nickname" enterkeyhint="go" data-autofocus data-testid="login-name"
              onInput=${(event) => setName(event.currentTarget.value)} /></label>
          ${state.error && html`<p class="notice red" role="alert">${errorText(state.error)}</p>`}
          <button class="btn primary wide" type="submit" disabled=${state.busy || !name.trim()} data-testid="login-submit">
            ${state.busy && html`<span class="spinner"></span>`}${t("login.submit")}</button>
        </form>`
      : html`<p class="notice amber">${t("login.closed")}</p>`}
  </${Sheet}>`;
}
