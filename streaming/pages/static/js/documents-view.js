/** A room's documents on the operator's page: which there are, what was skipped and why, one more, one less. */

import { element, find } from "./dom.js";
import { language, t } from "./i18n.js";

const REFRESH_MS = 4_000;
const SURE_MS = 4_000;

export class DocumentsView {
  #root;
  #token;
  #room = null;
  #shown = "";

  /** `root` is the card; `token()` gives the operator's token as it stands in its field. */
  constructor(root, token) {
    this.#root = root;
    this.#token = token;
    const files = find("input[type=file]", root);
    files.addEventListener("change", () => {
      void this.#add([...files.files]);
      files.value = "";
    });
    this.#listenToDrops(find(".drop", root));
    find("form", root).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#fetch(find("input", event.target));
    });
    find("select", root).addEventListener("change", (event) => this.#choose(event.target.value));
    language.addEventListener("change", () => {
      this.#shown = "";
      void this.refresh();
    });
    setInterval(() => document.hidden || void this.refresh(), REFRESH_MS);
  }

  /** The rooms there are, as `{ id, name }`. */
  offer(rooms) {
    const select = find("select", this.#root);
    const options = rooms.map(({ id, name }) => element("option", { value: id, text: name }));
    const same =
      options.length === select.children.length && options.every((one, i) => one.isEqualNode(select.children[i]));
    if (same) return;
    select.replaceChildren(...options);
    if (rooms.some(({ id }) => id === this.#room)) select.value = this.#room;
    else if (rooms.length) this.#choose(rooms[0].id);
  }

  async refresh() {
    if (!this.#room) return;
    if (!this.#token()) return this.#say("console.documents.need_token");
    const response = await this.#ask("");
    if (!response) return this.#say("console.gone");
    if (response.status === 401) return this.#say("console.whip.token");
    if (!response.ok) return this.#say("console.whip.refused");
    this.#say(null);
    this.#draw(await response.json());
  }

  #choose(room) {
    this.#room = room;
    this.#shown = "";
    find("tbody", this.#root).replaceChildren();
    find(".told", this.#root).replaceChildren();
    void this.refresh();
  }

  /** The answer, or null when the server cannot be reached. */
  async #ask(source, options = {}) {
    const place = source.split("/").map(encodeURIComponent).join("/");
    const url = `/rooms/${encodeURIComponent(this.#room)}/documents${source && `/${place}`}`;
    try {
      return await fetch(url, { ...options, headers: { ...options.headers, Authorization: `Bearer ${this.#token()}` } });
    } catch {
      return null;
    }
  }

  async #add(files) {
    for (const file of files) await this.#take(file.name, this.#ask(file.name, { method: "PUT", body: file }));
    await this.refresh();
  }

  /** What stands in the field is cleared once it is taken, and stays to be mended when it is not. */
  async #fetch(field) {
    const url = field.value.trim();
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ url });
    const taken = await this.#take(url, this.#ask("", { method: "POST", headers, body }));
    if (taken && field.value.trim() === url) field.value = "";
    await this.refresh();
  }

  /** Tells that `name` is being read, and what becomes of it; whether it was taken. */
  async #take(name, answer) {
    const line = element("li", { text: t("console.documents.adding", { name }) });
    find(".told", this.#root).prepend(line);
    const response = await answer;
    const ok = response?.ok ?? false;
    if (ok) {
      const { source, passages: n } = await response.json();
      line.textContent = t("console.documents.added", { name: source, n });
    } else line.textContent = t("console.documents.refused", { name, why: await reason(response, name) });
    line.dataset.state = ok ? "ok" : "gone"; // what became of it is told with its reason, not before
    return ok;
  }

  async #remove(source) {
    const response = await this.#ask(source, { method: "DELETE" });
    if (!response?.ok) {
      const line = t("console.documents.refused", { name: source, why: await reason(response, source) });
      find(".told", this.#root).prepend(element("li", { "data-state": "gone", text: line }));
    }
    await this.refresh();
  }

  #draw(report) {
    // Only what has changed is drawn anew: a button that is being pressed, or has the focus, stays.
    const shown = JSON.stringify(report);
    if (shown === this.#shown) return;
    this.#shown = shown;
    find("tbody", this.#root).replaceChildren(...report.documents.map((one) => this.#row(one)));
    find("table", this.#root).hidden = !report.documents.length;
    find(".none", this.#root).hidden = report.documents.length > 0;
    find(".skipped", this.#root).hidden = !report.skipped.length;
    const lines = report.skipped.map(({ source, reason: why }) =>
      element("li", {}, element("b", { text: source }), ` ${why}`),
    );
    find(".skipped ul", this.#root).replaceChildren(...lines);
  }

  #row({ source, title, passages, embedded, valid_from: from, valid_to: to }) {
    const ready = embedded < passages ? t("console.documents.embedding", { done: embedded, all: passages }) : passages;
    const valid = from || to ? `${from ?? "…"} – ${to ?? "…"}` : "";
    return element(
      "tr",
      {},
      element("td", { text: title || source }, title ? element("small", { class: "muted", text: source }) : null),
      element("td", { text: ready }),
      element("td", { class: "muted", text: valid }),
      element("td", {}, this.#removeButton(source)),
    );
  }

  /** Asks once more before it does what cannot be undone. */
  #removeButton(source) {
    const button = element("button", { type: "button", class: "speak", text: t("console.documents.remove") });
    let timer = 0;
    button.addEventListener("click", () => {
      if (timer) {
        clearTimeout(timer);
        button.disabled = true;
        void this.#remove(source);
        return;
      }
      button.textContent = t("console.documents.sure");
      button.dataset.sure = "";
      timer = setTimeout(() => {
        timer = 0;
        button.textContent = t("console.documents.remove");
        delete button.dataset.sure;
      }, SURE_MS);
    });
    return button;
  }

  #listenToDrops(place) {
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.dataset.over = "";
    });
    for (const end of ["dragleave", "drop"]) place.addEventListener(end, () => delete place.dataset.over);
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#add([...event.dataTransfer.files]);
    });
  }

  #say(key) {
    const line = find(".why", this.#root);
    line.hidden = key === null;
    line.textContent = key === null ? "" : t(key);
    find(".shelf", this.#root).hidden = key !== null;
  }
}

/** Why the server did not take `name`, in its words where it has some. */
async function reason(response, name) {
  if (!response) return t("console.gone");
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail.replace(`${name} `, "") : t("console.whip.refused");
  } catch {
    return t("console.whip.refused");
  }
}
