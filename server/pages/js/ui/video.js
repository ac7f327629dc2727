// The live picture. hls.js is asked first: Chromium answers "maybe" to native HLS and then cannot play it.
// A recorded sample (a playlist with an end) is looped; without a stream a drawn poster stands in.

import Hls from "hls.js";
import { useEffect, useRef, useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { picture } from "./picture_clock.js";

const RETRY_MS = 4_000;

function attach(video, src, onState) {
  if (!Hls.isSupported()) {
    video.src = src;
    return () => video.removeAttribute("src");
  }
  const hls = new Hls({ enableWorker: false, liveSyncDurationCount: 2, maxBufferLength: 20, backBufferLength: 10 });
  let timer = null;
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR) return hls.recoverMediaError();
    onState("missing");
    timer = setTimeout(() => hls.loadSource(src), RETRY_MS);
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => video.play().catch(() => onState("paused")));
  hls.loadSource(src);
  hls.attachMedia(video);
  picture.at = () => hls.playingDate?.getTime() ?? null;
  return () => {
    clearTimeout(timer);
    picture.at = () => null;
    hls.destroy();
  };
}

function Poster({ text }) {
  return html`<div class="poster"><div class="poster-rings" aria-hidden="true"><i></i><i></i><i></i><${Icon} name="play" size=${28} /></div><p class="quiet">${text}</p></div>`;
}

/** `src` null or empty: the poster, which says whether the live is still to come or `over`. Starts muted when the browser wants that; `muted` may be changed later. */
export function LiveVideo({ src, over = false, muted = true, controls = false, class: more = "", onMutedChange }) {
  const video = useRef(null);
  const [state, setState] = useState("loading");

  useEffect(() => {
    if (!src) return undefined;
    setState("loading");
    return attach(video.current, src, setState);
  }, [src]);

  useEffect(() => {
    if (video.current) video.current.muted = muted;
  }, [muted, src]);

  const resume = () => video.current.play().then(() => setState("playing"), () => onMutedChange?.(true));
  return html`<div class=${`live-video ${more}`} data-state=${src ? state : "none"}>
    ${src && html`<video ref=${video} muted=${muted} autoplay playsinline loop controls=${controls} disablepictureinpicture tabindex="-1"
      aria-label=${t("video.label")} onPlaying=${() => setState("playing")} onWaiting=${() => setState("loading")}></video>`}
    ${!src && html`<${Poster} text=${t(over ? "ended.title" : "video.none")} />`}
    ${src && state === "missing" && html`<${Poster} text=${t("video.lost")} />`}
    ${src && state === "paused" && html`<button class="video-start btn" type="button" onClick=${resume}><${Icon} name="play" />${t("video.play")}</button>`}
  </div>`;
}
