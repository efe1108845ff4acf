/** What offers to this server have in common. */

const GATHERING_MS = 1_000;

/** Candidates travel inside the offer; a network that answers slowly gets a bounded wait. */
export function gathered(peer) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    const check = () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    };
    peer.addEventListener("icegatheringstatechange", check);
    check();
  });
}
