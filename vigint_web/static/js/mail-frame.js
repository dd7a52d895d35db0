// A mail is shown as tall as it is, so that nobody scrolls in a frame within a page that scrolls.
// Nothing runs in the frame; without this script it keeps its height and scrolls.

function fit(frame) {
  const mail = frame.contentDocument?.body;
  if (!mail?.childElementCount) return;
  const borders = frame.offsetHeight - frame.clientHeight;
  frame.style.height = `${Math.ceil(mail.getBoundingClientRect().height) + borders}px`;
}

for (const frame of document.querySelectorAll(".mail-frame")) {
  frame.addEventListener("load", () => fit(frame));
  // A phone that is turned, a window that is made narrower: lines wrap elsewhere.
  new ResizeObserver(() => fit(frame)).observe(frame);
}
