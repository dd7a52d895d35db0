// What every page of the dashboard gets: copy buttons, confirmation dialogs, messages carried over.

const CARRIED = "vigint-messages";

export function enhance(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

/** Keep the messages of a page that was fetched but not shown, for the page shown next. */
export function carryMessages(page) {
  const found = [...page.querySelectorAll("[data-flash]")].map((message) => message.outerHTML);
  if (found.length) sessionStorage.setItem(CARRIED, JSON.stringify(found));
}

function showCarriedMessages() {
  const kept = sessionStorage.getItem(CARRIED);
  const place = document.getElementById("flashes");
  if (!kept || !place) return;
  sessionStorage.removeItem(CARRIED);
  const parser = new DOMParser();
  for (const html of JSON.parse(kept)) {
    const message = parser.parseFromString(html, "text/html").querySelector("[data-flash]");
    if (message) place.append(document.adoptNode(message));
  }
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
  // Exists on https and on this machine only; plain http elsewhere takes the other way.
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
    return false; // the text stays selected: Ctrl-C copies it
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  const close = event.target.closest("[data-close]");
  if (close) close.closest("dialog").close();
  const summary = event.target.closest("[data-confirm] > summary");
  if (!summary) return;
  const dialog = document.getElementById(summary.parentElement.dataset.confirm);
  if (!dialog || !dialog.showModal) return;
  event.preventDefault();
  dialog.showModal();
});

enhance(document);
showCarriedMessages();
