/**
 * The host alone, before whatever lies behind the page: `?sound` to hear them, `?key=rrggbb` where the room's background
 * is another colour than chroma green.
 */

import { find } from "./dom.js";
import { translate } from "./i18n.js";
import { Keyer, colour } from "./keyer.js";
import { Session, roomOf } from "./session.js";

/** Chroma green, as `background: green` in a room file has it. */
const GREEN = "00b140";

translate();
const wanted = new URLSearchParams(location.search);
const video = find("video");
const session = new Session({ room: roomOf(location.pathname), video, line: find(".caption span") });
const key = colour(wanted.get("key") ?? GREEN);
if (key) new Keyer(video, find("canvas"), key);
else find(".wrong").hidden = false;
video.muted = !wanted.has("sound");
// Browser sources may play sound at once; any other browser falls silent instead of standing still.
session.player.addEventListener("blocked", () => {
  if (video.muted) return;
  video.muted = true;
  session.player.play();
});
window.everhost = {
  stats: () => session.player.stats(),
  get state() {
    return { signal: session.link.signal.state, picture: session.link.picture.state };
  },
};
session.start();
