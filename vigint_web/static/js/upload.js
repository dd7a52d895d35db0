// Makes the upload form say what it does: checks before sending, progress while sending.

import { carryMessages } from "./app.js";

const EXTENSIONS = /\.(mp4|m4v|mov|avi|mkv|wmv|flv|webm)$/i;
const LEAST_FOR_A_GUESS = 3000;
const form = document.getElementById("upload");
const words = form.dataset;
const input = form.querySelector("#files");
const list = form.querySelector("[data-files]");
const row = form.querySelector("template[data-file]").content.firstElementChild;
const error = form.querySelector("[data-error]");
const submit = form.querySelector("[data-submit]");
const progress = form.querySelector("[data-progress]");
const bar = form.querySelector("[data-progress-bar]");
const text = form.querySelector("[data-progress-text]");
const drop = form.querySelector("[data-drop]");

function size(bytes) {
  const units = words.units.split(",");
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit ? 1 : 0;
  return `${value.toLocaleString(words.locale, { maximumFractionDigits: digits })} ${units[unit]}`;
}

function sizeOfAll(files) {
  return files.reduce((sum, file) => sum + file.size, 0);
}

function complaint(file) {
  if (!EXTENSIONS.test(file.name) && !file.type.startsWith("video/")) return words.noVideo;
  if (file.size > Number(words.limit)) return words.tooLarge;
  if (file.size === 0) return words.empty;
  return "";
}

function say(sentence) {
  error.textContent = sentence;
  error.hidden = !sentence;
}

/** Show one chosen file, with what is wrong with it, and a way to leave it out. */
function shown(file) {
  const item = row.cloneNode(true);
  const wrong = complaint(file);
  item.classList.toggle("file-wrong", Boolean(wrong));
  item.querySelector("[data-file-name]").textContent = file.name;
  item.querySelector("[data-file-about]").textContent = size(file.size);
  const why = item.querySelector("[data-file-complaint]");
  why.textContent = wrong;
  why.hidden = !wrong;
  item.querySelector("[data-file-words]").textContent = words.remove.replace("{name}", file.name);
  item.querySelector("[data-file-remove]").addEventListener("click", () => leaveOut(file));
  return item;
}

function leaveOut(file) {
  const kept = new DataTransfer();
  for (const other of input.files) if (other !== file) kept.items.add(other);
  input.files = kept.files;
  check();
  input.focus();
}

/** List the chosen files with what is wrong with them; return whether all may be sent. */
function check() {
  const files = [...input.files];
  list.replaceChildren(...files.map(shown));
  if (files.length > 1) {
    const all = document.createElement("li");
    all.className = "file-about";
    const total = size(sizeOfAll(files));
    all.textContent = words.total.replace("{number}", files.length).replace("{size}", total);
    list.append(all);
  }
  list.hidden = files.length === 0;
  const wrong = files.map(complaint).find(Boolean);
  const tooMany = files.length > Number(words.most) ? words.tooMany : "";
  say(tooMany || wrong || "");
  return files.length > 0 && !tooMany && !wrong;
}

function stay(event) {
  event.preventDefault();
  event.returnValue = "";
}

function sending(is) {
  submit.disabled = is;
  submit.toggleAttribute("aria-busy", false);
  if (is) submit.setAttribute("aria-busy", "true");
  progress.hidden = !is;
  for (const button of list.querySelectorAll("[data-file-remove]")) button.hidden = is;
  if (is) addEventListener("beforeunload", stay);
  else removeEventListener("beforeunload", stay);
}

/** Return how long the rest will take at the pace so far, once there is one. */
function timeLeft(loaded, total, began) {
  const taken = performance.now() - began;
  if (taken < LEAST_FOR_A_GUESS || !loaded) return "";
  const seconds = Math.ceil(((total - loaded) * taken) / loaded / 1000);
  const [amount, unit] = seconds < 90 ? [seconds, "second"] : [Math.round(seconds / 60), "minute"];
  const time = amount.toLocaleString(words.locale, { style: "unit", unit, unitDisplay: "long" });
  return ` – ${words.left.replace("{time}", time)}`;
}

function show(loaded, total, began) {
  const percent = Math.floor((loaded / total) * 100);
  bar.value = percent;
  const share = (percent / 100).toLocaleString(words.locale, { style: "percent" });
  text.textContent =
    loaded >= total
      ? words.storing
      : `${words.sending} ${share} (${size(loaded)} / ${size(total)})${timeLeft(loaded, total, began)}`;
}

function finish(request) {
  sending(false);
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  if (request.status >= 200 && request.status < 300) {
    carryMessages(page);
    location.assign(request.responseURL);
    return;
  }
  const sentence = page.querySelector("[data-error-sentence]");
  say(sentence ? sentence.textContent.trim() : words.refused);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!check()) {
    input.focus();
    return;
  }
  const began = performance.now();
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.upload.addEventListener("progress", (step) => {
    if (step.lengthComputable) show(step.loaded, step.total, began);
  });
  request.addEventListener("load", () => finish(request));
  for (const end of ["error", "abort", "timeout"]) {
    request.addEventListener(end, () => {
      sending(false);
      say(words.network);
    });
  }
  const body = new FormData(form);
  sending(true);
  show(0, sizeOfAll([...input.files]) + 1, began);
  request.send(body);
});

input.addEventListener("change", check);

for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("drop-over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, () => drop.classList.remove("drop-over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length && !submit.disabled) {
    input.files = event.dataTransfer.files;
    check();
  }
});
