// Makes the upload form say what it does: checks before sending, progress while sending.

import { carryMessages } from "./app.js";

const EXTENSIONS = /\.(mp4|m4v|mov|avi|mkv|wmv|flv|webm)$/i;
const form = document.getElementById("upload");
const words = form.dataset;
const input = form.querySelector("#files");
const list = form.querySelector("[data-files]");
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

/** List the chosen files with what is wrong with them; return whether all may be sent. */
function check() {
  const files = [...input.files];
  list.replaceChildren(
    ...files.map((file) => {
      const wrong = complaint(file);
      const item = document.createElement("li");
      item.className = wrong ? "file file-wrong" : "file";
      const name = document.createElement("span");
      name.className = "file-name";
      name.textContent = file.name;
      const about = document.createElement("span");
      about.className = "file-about";
      about.textContent = wrong ? `${size(file.size)} – ${wrong}` : size(file.size);
      item.append(name, about);
      return item;
    }),
  );
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
  progress.hidden = !is;
  form.toggleAttribute("aria-busy", is);
  if (is) addEventListener("beforeunload", stay);
  else removeEventListener("beforeunload", stay);
}

function show(loaded, total) {
  const percent = Math.floor((loaded / total) * 100);
  bar.value = percent;
  text.textContent =
    loaded >= total
      ? words.storing
      : `${words.sending} ${percent} % (${size(loaded)} / ${size(total)})`;
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
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.upload.addEventListener("progress", (step) => {
    if (step.lengthComputable) show(step.loaded, step.total);
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
  show(0, [...input.files].reduce((sum, file) => sum + file.size, 1));
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
