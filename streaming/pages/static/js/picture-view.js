/** The picture and what lies over it: the unmute button, what is wrong with the connection, the controls below. */

import { find, setIcon } from "./dom.js";
import { language, t } from "./i18n.js";

export class PictureView {
  #session;
  #video;
  #unmute;
  #cover;
  #controls;
  #countdown = 0;
  #seen = false;

  /** `root` holds the video, its overlays and (optionally) its controls. */
  constructor(root, session) {
    this.#session = session;
    this.#video = find("video", root);
    this.#unmute = find(".unmute", root);
    this.#cover = find(".cover", root);
    this.#controls = {
      captions: root.querySelector(".captions-toggle"),
      sound: root.querySelector(".sound-toggle"),
      full: root.querySelector(".full-toggle"),
    };
    const frame = find(".frame", root);
    frame.addEventListener("click", () => this.#video.muted && this.#sound(true));
    this.#controls.sound?.addEventListener("click", () => this.#sound(this.#video.muted));
    this.#controls.captions?.addEventListener("click", () => this.#toggleCaptions());
    this.#controls.full?.addEventListener("click", () => void this.#toggleFull(frame));
    this.#video.addEventListener("volumechange", () => this.#draw());
    document.addEventListener("fullscreenchange", () => this.#draw());
    session.player.addEventListener("state", () => this.#explain());
    session.player.addEventListener("blocked", () => this.#blocked());
    session.addEventListener("link", () => this.#explain());
    language.addEventListener("change", () => {
      this.#draw();
      this.#explain();
    });
    this.#draw();
    this.#explain();
  }

  /** Try to begin with sound, as a kiosk whose browser allows it may. */
  async soundAtOnce() {
    this.#video.muted = false;
    try {
      await this.#video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      this.#video.muted = true;
      this.#session.player.play();
    }
  }

  /** Silence the host while the viewer talks: what is not played needs no echo canceller, which eats words. */
  hush(on) {
    this.#video.volume = on ? 0 : 1;
  }

  #sound(on) {
    this.#video.muted = !on;
    // A touch is also what a browser waits for that refused to play.
    this.#session.player.play();
  }

  /** The browser plays nothing without a touch; with sound it is pickier, so try silence first. */
  #blocked() {
    if (!this.#video.muted) {
      this.#video.muted = true;
      this.#session.player.play();
      return;
    }
    find("[data-i18n]", this.#unmute).dataset.i18n = "picture.play";
    this.#draw();
  }

  #toggleCaptions() {
    this.#session.captions.on = !this.#session.captions.on;
    this.#draw();
  }

  async #toggleFull(frame) {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (frame.requestFullscreen) return frame.requestFullscreen();
    // Telephones by Apple let a video alone fill the screen.
    this.#video.webkitEnterFullscreen?.();
  }

  #draw() {
    const { muted, paused } = this.#video;
    const { captions, sound, full } = this.#controls;
    const label = find("[data-i18n]", this.#unmute);
    if (!paused && label.dataset.i18n === "picture.play") label.dataset.i18n = "picture.unmute";
    label.textContent = t(label.dataset.i18n);
    this.#unmute.hidden = !muted || !this.#seen;
    const on = this.#session.captions.on;
    name(captions, on ? "captions" : "captions-off", t(on ? "picture.captions.off" : "picture.captions.on"));
    name(sound, muted ? "muted" : "sound", t(muted ? "picture.sound" : "picture.mute"));
    const whole = Boolean(document.fullscreenElement);
    name(full, whole ? "window" : "full", t(whole ? "picture.window" : "picture.fullscreen"));
  }

  /** Say over the picture why there is none. */
  #explain() {
    clearInterval(this.#countdown);
    const { signal, picture } = this.#session.link;
    this.#seen ||= picture.state === "live";
    const trouble = picture.state === "idle" ? signal : picture;
    this.#cover.hidden = picture.state === "live";
    this.#cover.dataset.state = trouble.state;
    this.#draw();
    if (this.#cover.hidden) return;
    const why = find(".why", this.#cover);
    why.textContent = trouble.reason ? t(`why.${trouble.reason}`) : t("link.connecting");
    find(".elsewhere", this.#cover).hidden = trouble.reason !== "room_not_found";
    const retry = find(".retry", this.#cover);
    retry.hidden = trouble.state !== "waiting";
    if (retry.hidden) return;
    const until = performance.now() + trouble.retryMs;
    const tell = () => {
      const seconds = Math.max(1, Math.ceil((until - performance.now()) / 1000));
      retry.textContent = t("link.retry", { seconds });
    };
    tell();
    this.#countdown = setInterval(tell, 500);
  }
}

/** Give a control its drawing and its name, where the page has that control. */
function name(control, drawing, words) {
  if (!control) return;
  setIcon(control, drawing);
  control.setAttribute("aria-label", words);
  control.title = words;
}
