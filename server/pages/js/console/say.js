// The staff's own line in the chat, answering somebody or speaking to all.

import { useEffect, useRef, useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

const TEXT_CHARS_MAX = 200;

export function Say({ desk }) {
  const [text, setText] = useState("");
  const field = useRef(null);
  const answering = desk.replyTo.value;
  useEffect(() => { if (answering) field.current.focus(); }, [answering]);
  const send = async (event) => {
    event.preventDefault();
    const said = text.trim();
    if (!said) return;
    const sent = await desk.run("comment.send", { text: said, ...(answering && { reply_to: answering.id }) });
    if (!sent) return;
    setText("");
    desk.replyTo.value = null;
  };
  const cancel = () => { desk.replyTo.value = null; };
  return html`<form class="say" onSubmit=${send}>
    ${answering && html`<div class="replying"><span class="grow clip">${t("console.replying", { name: answering.user.name })} ${answering.text}</span>
      <button type="button" class="icon-btn tiny" aria-label=${t("console.cancel")} onClick=${cancel}><${Icon} name="close" size=${14} /></button></div>`}
    <div class="row"><input class="input small grow" ref=${field} maxlength=${TEXT_CHARS_MAX} value=${text} placeholder=${t("console.say")} aria-label=${t("console.say")} data-testid="say-text" onInput=${(event) => setText(event.currentTarget.value)} onKeyDown=${(event) => event.key === "Escape" && cancel()} />
      <button class="btn small" data-testid="say-send" disabled=${!text.trim()}>${t("console.send")}</button></div>
  </form>`;
}
