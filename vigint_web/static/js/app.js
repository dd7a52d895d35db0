// Behaviour of all dashboard pages: copy buttons, toasts, confirmation dialogs, buttons that show
// they were pressed, passwords that can be revealed.

const SHORTEST_STAY = 6000;
const STAY_PER_LETTER = 70;
const place = document.getElementById("flashes");

/** Activate elements that need scripts; called for every part that is inserted into the page. */
export function enhance(root) {
  for (const button of root.querySelectorAll("[data-copy], [data-dismiss], [data-reveal]")) {
    button.hidden = false;
  }
}

/** Show a message that disappears; a failure ("bad") stays until it is dismissed. */
export function toast(text, kind = "good") {
  const model = document.querySelector(`template[data-toast="${kind}"]`);
  if (!model || !place) return;
  const message = model.content.firstElementChild.cloneNode(true);
  message.querySelector("[data-words]").textContent = text;
  show(message);
}

function show(message) {
  enhance(message);
  // Inserted once more, so that screen readers announce messages present from the start.
  place.append(message);
  if (message.dataset.flash === "bad") return;
  const words = message.textContent.trim().length;
  const stay = SHORTEST_STAY + STAY_PER_LETTER * words;
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => dismiss(message), stay);
  };
  const hold = () => clearTimeout(timer);
  for (const kind of ["pointerenter", "focusin"]) message.addEventListener(kind, hold);
  for (const kind of ["pointerleave", "focusout"]) message.addEventListener(kind, wait);
  wait();
}

function dismiss(message) {
  // Dismissed by keyboard: move the focus to the start of the page.
  if (message.contains(document.activeElement)) document.getElementById("main")?.focus();
  message.classList.add("leaving");
  setTimeout(() => message.remove(), 200);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  const copied = (await copyByApi(text)) || copyBySelection(source);
  if (!copied) return;
  button.classList.add("copied");
  const says = document.getElementById("copy-says");
  if (says) says.textContent = says.dataset.says;
  setTimeout(() => {
    button.classList.remove("copied");
    if (says) says.textContent = "";
  }, 2000);
}

async function copyByApi(text) {
  // Available on https and on this machine only; otherwise the fallback below is used.
  if (!navigator.clipboard || !window.isSecureContext) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function copyBySelection(source) {
  if (source.select) {
    source.focus({ preventScroll: true });
    source.select();
  } else {
    getSelection().selectAllChildren(source);
  }
  try {
    return document.execCommand("copy");
  } catch {
    return false; // the text stays selected for Ctrl-C
  }
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

function closeMenu(menu) {
  const inside = menu.contains(document.activeElement);
  menu.open = false;
  if (inside) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  const target = event.target;
  const button = target.closest("[data-copy]");
  if (button) copy(button);
  const revealing = target.closest("[data-reveal]");
  if (revealing) reveal(revealing);
  const dismissing = target.closest("[data-dismiss]");
  if (dismissing) dismiss(dismissing.closest("[data-flash]"));
  // A click on the dialog element itself is on its backdrop.
  if (target.matches("dialog[open]") && isOutside(target, event)) target.close();
  target.closest("[data-close]")?.closest("dialog").close();
  for (const menu of document.querySelectorAll(".account[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
  const summary = target.closest("[data-confirm] > summary");
  if (!summary) return;
  const dialog = document.getElementById(summary.parentElement.dataset.confirm);
  if (!dialog || !dialog.showModal) return;
  event.preventDefault();
  dialog.showModal();
});

function isOutside(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector(".account[open]");
  if (menu) closeMenu(menu);
});

/** Show on the pressed button that the request is running; a second press sends nothing. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.hasAttribute("data-sent")) {
    event.preventDefault();
    return;
  }
  form.setAttribute("data-sent", "");
  event.submitter?.setAttribute("aria-busy", "true");
});

addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("[data-sent]")) form.removeAttribute("data-sent");
  for (const button of document.querySelectorAll(".button[aria-busy]")) {
    button.removeAttribute("aria-busy");
  }
});

// A picture that cannot be loaded, as while the storage is away, leaves its empty frame.
const BLANK = new URL("../img/blank.svg", import.meta.url).href;
document.addEventListener("error", ({ target }) => blank(target), true);

function blank(picture) {
  const isOfList = picture instanceof HTMLImageElement && picture.loading === "lazy";
  if (isOfList && picture.src !== BLANK) picture.src = BLANK;
}

enhance(document);
for (const picture of document.images) {
  if (picture.complete && !picture.naturalWidth) blank(picture);
}
for (const message of document.querySelectorAll("#flashes > [data-flash]")) show(message);

// A frame with the focus inside does not match :focus, so it gets a class.
addEventListener("blur", () => {
  const held = document.activeElement;
  if (held?.matches("iframe")) held.classList.add("held");
});
addEventListener("focus", () => {
  for (const frame of document.querySelectorAll("iframe.held")) frame.classList.remove("held");
});
