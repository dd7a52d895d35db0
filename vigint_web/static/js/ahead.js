// Loads the incident to which a decision leads while the one before it is looked at: its part of the
// page, its poster and the beginning of its footage, unless the browser is to save data. The server
// counts none of this as reading or as playing; what is then played says so.

const PART = { "X-Vigint-Part": "detail", "X-Vigint-Ahead": "1" };
const OLDEST = 300000;

let kept = null;
let asking = null;

const whole = (address) => new URL(address, location).href;

function release() {
  const video = kept?.article.querySelector("video");
  kept = null;
  if (!video) return;
  video.removeAttribute("src");
  video.load();
}

/** Load the beginning of the footage: the server ends its first answer to a browser after 1 MiB, and
    for its data alone the browser does not ask for more. */
function fetchFootage(article) {
  const video = article.querySelector("[data-player] video");
  if (!video || navigator.connection?.saveData) return;
  if (video.poster) new Image().src = video.poster;
  const played = new URL(video.src, location);
  const ahead = new URL(played);
  ahead.searchParams.set("ahead", "1");
  video.preload = "metadata";
  video.src = ahead.href;
  video.addEventListener("play", () => tell(played.href), { once: true });
}

/** Play the first byte as well, from the address that records it. */
function tell(address) {
  fetch(address, { headers: { Range: "bytes=0-0" }, cache: "no-store" }).catch(() => {});
}

/** Load an incident that is not shown yet; one that was loaded before is forgotten. */
export async function fetchAhead(address) {
  asking?.abort();
  release();
  if (!address) return;
  asking = new AbortController();
  try {
    const options = { headers: PART, cache: "no-store", priority: "low", signal: asking.signal };
    const response = await fetch(address, options);
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const article = page.querySelector("[data-detail][data-title]");
    if (!article) return;
    kept = { address: whole(address), article: document.adoptNode(article), at: performance.now() };
    fetchFootage(article);
  } catch {
    // Then it is loaded once it is asked for.
  }
}

/** Return the part of an incident that was loaded before, and forget it. */
export function takeAhead(address) {
  if (!kept || kept.address !== whole(address) || performance.now() - kept.at > OLDEST) return null;
  const { article } = kept;
  kept = null;
  return article;
}
