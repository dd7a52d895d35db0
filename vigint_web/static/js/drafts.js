// Keeps what is being written, so that it survives the way back, an ended session and a reload:
// pages are not stored by the browser. It ends with the tab, or once the page shows the text.

const KEY = "vigint-draft:";

function keyOf(field) {
  // On a shared computer another user must not find it.
  return `${KEY}${field.dataset.draft}:${location.pathname}`;
}

function isShown(text) {
  const shown = [...document.querySelectorAll("[data-written]")];
  return shown.some((element) => element.textContent.trim() === text.trim());
}

function begin(field) {
  const key = keyOf(field);
  const kept = sessionStorage.getItem(key);
  if (kept && isShown(kept)) sessionStorage.removeItem(key);
  else if (kept && !field.value) field.value = kept;
  field.addEventListener("input", () => {
    if (field.value.trim()) sessionStorage.setItem(key, field.value);
    else sessionStorage.removeItem(key);
  });
}

function beginIn(place) {
  try {
    place.querySelectorAll("textarea[data-draft]").forEach(begin);
  } catch {
    // Storage is switched off: then nothing is kept.
  }
}

beginIn(document);
document.addEventListener("vigint:changed", (event) => beginIn(event.detail));
