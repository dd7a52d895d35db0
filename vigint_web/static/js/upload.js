// The page that adds sources: accepts files by drop and choice, shows the queue, and resumable
// uploads. Without scripts its form works on its own.

import { toast } from "./app.js";
import { chosen, complaint, dropped } from "./upload-files.js";
import { Figures } from "./upload-figures.js";
import { Follower } from "./upload-follow.js";
import { Store } from "./upload-store.js";
import { Queue, pauseBefore } from "./upload-queue.js";
import { Row } from "./upload-row.js";
import { Session } from "./upload-session.js";
import { Interrupted, LoggedOut, Tus } from "./upload-tus.js";
import { Unfinished } from "./upload-unfinished.js";
import { Whole } from "./upload-whole.js";

const TICK = 500;
const LOGIN_CHECK = 5_000;
const LONGEST_LOGIN_CHECK = 60_000;
// The maximum time a file waits for the list of unfinished uploads.
const PATIENCE = 4_000;
// Two clicks closer together than this count as one.
const LEAST_BETWEEN = 1_000;
// What may be discarded without confirmation.
const MUCH = 10_000_000;
// A header carries the description during the upload; pages of sources accept longer ones.
const LONGEST_DESCRIPTION = 1000;

const form = document.getElementById("upload");
const find = (name, root = document) => root.querySelector(`[data-${name}]`);
const words = document.getElementById("upload-words").dataset;
const figures = new Figures(words.locale, words.units.split(","));
const files = document.getElementById("files");
const folder = document.getElementById("folder");
const section = document.getElementById("queue");
const list = find("rows");
const says = document.getElementById("upload-says");

const session = new Session(form.dataset.page, form.dataset.person, form.csrf_token.value);
const tus = new Tus(form.dataset.uploads, session);
const store = new Store(form.dataset.person);
const queue = new Queue(tus, store, {
  details: (item) => ({ description: form.description.value.trim(), tags: form.tags.value.trim(),
    site: form.site?.value ?? "", source_id: idFor(item), camera: form.camera.value.trim(),
    recorded_at: form.recorded_at.value }),
  changed,
  happened,
});
// The file that gets a typed id: the first one without a source when it was first requested.
const givenIds = new Map();
const details = document.getElementById("upload-details");

function idFor(item) {
  const id = form.source_id.value.trim();
  const first = queue.items.find((one) => !one.source && (one.isOpen || one === item));
  if (!id || (givenIds.get(id) ?? first) !== item) return "";
  givenIds.set(id, item);
  return id;
}

const follower = new Follower(tus, queue, told);
const whole = new Whole(section, queue, { words, figures, say });
const unfinished = new Unfinished(tus, store, {
  words,
  figures,
  zone: document.documentElement.dataset.zone,
  ask,
  say,
  fail: (text) => toast(text, "bad"),
  go: (file, path, url) => {
    show(queue.add(file, path, url));
    queue.pump();
  },
});
const rows = new Map();
const pageOf = (source) => form.dataset.sourcePage.replace("SOURCE", source);

function say(text) {
  // The same text again is news only if it was absent in between.
  says.textContent = "";
  setTimeout(() => (says.textContent = text), 50);
}

// Accepting files

/** Fetch the unfinished uploads; with a bad connection after retries. */
async function learn(tries = 1) {
  try {
    await unfinished.load(new Set(queue.items.map((item) => item.url)));
  } catch (error) {
    if (!(error instanceof Interrupted)) return; // nothing to offer is not a failure of this page
    await new Promise((done) => setTimeout(done, pauseBefore(tries)));
    await learn(tries + 1);
  }
}
const listed = learn();

async function take(found) {
  await Promise.race([listed, new Promise((done) => setTimeout(done, PATIENCE))]);
  const left = [];
  let added = 0;
  for (const [file, path, name = file.name] of found) {
    const wrong =
      complaint(file, path, name, Number(form.dataset.limit)) ||
      (queue.has(file, path) ? "listed" : "");
    if (wrong) {
      left.push([path ? `${path}/${name}` : name, wrong]);
      continue;
    }
    show(queue.add(file, path, unfinished.take(file, path)));
    added += 1;
  }
  showLeftOut(left);
  const told = [];
  if (added) told.push(figures.count(added, words.addedOne, words.addedMany));
  if (left.length) told.push(`${figures.count(left.length, words.leftOutOne, words.leftOutMany)}.`);
  say(told.join(" "));
  queue.pump();
  render();
}

function showLeftOut(left) {
  find("left-out").hidden = !left.length;
  const { leftOutOne, leftOutMany } = words;
  find("left-out-title").textContent = figures.count(left.length, leftOutOne, leftOutMany);
  // Files of the operating system in folders are ignored silently.
  const news = left.filter(([, why]) => why !== "hidden");
  document.getElementById("left-out").open = news.length > 0 && left.length < 4;
  find("left-out-list").replaceChildren(
    ...left.map(([name, why]) => {
      const line = document.createElement("li");
      const named = document.createElement("span");
      named.className = "left-out-name";
      named.textContent = name;
      line.append(named, " – ", words[why]);
      return line;
    }),
  );
}

for (const input of [files, folder]) {
  input.addEventListener("change", () => {
    const found = chosen(input);
    input.value = ""; // allows choosing the same file again
    if (found.length) take(found);
  });
}
find("choose-folder").addEventListener("click", () => folder.click());
find("folder-choice").hidden =
  !("webkitdirectory" in folder) || !matchMedia("(any-pointer: fine)").matches;

const cover = document.getElementById("drop-cover");
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  cover.hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) cover.hidden = true;
});
addEventListener("drop", async (event) => {
  cover.hidden = true;
  if (!holdsFiles(event)) return;
  event.preventDefault();
  const found = await dropped(event.dataTransfer);
  if (found.length) take(found);
});

// Display

function show(item) {
  const row = new Row(item, { words, figures, queue, pageOf, known, act });
  rows.set(item, row);
  list.append(row.element);
  section.hidden = false;
  form.classList.add("upload-has-files");
}

function changed(item) {
  // Its id may have been refused: show the field again.
  if (item.state === "failed" && [...givenIds.values()].includes(item)) details.open = true;
  rows.get(item)?.render();
  whole.render();
  schedule();
}

let timer = 0;

/** Update speeds and times as long as anything is sent or waits for its next attempt. */
function schedule() {
  if (timer || !queue.items.some((item) => item.isMoving || item.state === "interrupted")) return;
  timer = setTimeout(() => {
    timer = 0;
    render();
    schedule();
  }, TICK);
}

function render() {
  for (const [item, row] of rows) if (item.isOpen) row.render();
  whole.render();
}

/** Return the existing older sources with the same content. */
function known(item) {
  if (item.isKept) return [];
  const gone = queue.items.filter((one) => one.removed).map((one) => one.source);
  return (item.told.duplicates ?? []).filter(({ source_id: source }) => !gone.includes(source));
}

// Events

function happened(what, item) {
  if (what === "received") follower.wake();
  if (what === "failed") say(words.saysFailed.replace("{name}", item.name));
  if (what === "lost") say(words.saysLost);
  if (what === "found") say(words.saysFound);
  if (what === "loggedOut") {
    say(words.saysLoggedOut);
    checkLogin();
  }
  if (what === "done" && queue.items.some((one) => one.isFollowed)) say(words.saysDone);
  render();
}

function told(item, before) {
  rows.get(item)?.render();
  if (item.state === "failed" && before.status !== "failed") {
    say(words.saysFailed.replace("{name}", item.name));
  } else if (known(item).length && !(before.duplicates ?? []).length) {
    say(words.saysKnown.replace("{name}", item.name));
  }
  whole.render();
}

let checking = 0;

/** Check from time to time for a new login in another tab. */
async function checkLogin(pause = LOGIN_CHECK) {
  clearTimeout(checking);
  if (!queue.isLoggedOut) return;
  try {
    await session.renew();
    queue.loggedIn();
    follower.wake();
    say(words.saysLoggedIn);
    render();
  } catch {
    const next = Math.min(1.5 * pause, LONGEST_LOGIN_CHECK);
    checking = setTimeout(() => checkLogin(next), pause);
  }
}

addEventListener("offline", () => queue.breakOff());

function wake() {
  if (document.visibilityState === "hidden") return;
  queue.wake();
  follower.hurry();
  if (queue.isLoggedOut) checkLogin();
}
for (const kind of ["online", "focus"]) addEventListener(kind, wake);
document.addEventListener("visibilitychange", wake);

// User actions

const question = document.getElementById("upload-question");

/** Ask for confirmation before a loss; return whether to continue. */
function ask(title, about, yes) {
  question.querySelector(".confirm-title").textContent = title;
  document.getElementById("upload-question-about").textContent = about;
  find("yes", question).textContent = yes;
  question.returnValue = "";
  question.showModal();
  return new Promise((done) => {
    question.addEventListener("close", () => done(question.returnValue === "yes"), { once: true });
  });
}

async function act(what, item) {
  if (what === "x") return item.isOpen ? cancel(item) : takeOff(item);
  const address = form.dataset[what === "keep" ? "keep" : "delete"].replace("SOURCE", item.source);
  const buttons = [...rows.get(item).element.querySelectorAll(".queue-choices button")];
  for (const button of buttons) button.disabled = true;
  try {
    await session.post(address);
    if (what === "keep") item.isKept = true;
    else item.removed = true;
    rows.get(item).element.focus();
    for (const row of rows.values()) row.render();
  } catch (error) {
    if (error instanceof LoggedOut) queue.loggedOut();
    else toast(words.notForgotten, "bad");
  }
  for (const button of buttons) button.disabled = false;
}

async function cancel(item) {
  const sent = item.position;
  if (sent >= MUCH) {
    const title = words.cancelTitle.replace("{name}", item.title || item.name);
    const about = words.cancelAbout.replace("{size}", figures.size(sent));
    if (!(await ask(title, about, words.cancelYes)) || !item.isOpen) return;
  }
  const left = !item.wanted;
  queue.cancel(item);
  if (left) takeOff(item);
}

function takeOff(item) {
  if (item.state === "failed" && item.position < item.size) queue.cancel(item);
  queue.drop(item);
  rows.get(item).remove();
  rows.delete(item);
  if (!rows.size) {
    section.hidden = true;
    form.classList.remove("upload-has-files");
  }
  render();
}

find("start").addEventListener("click", () => {
  settle();
  details.open = false;
  queue.start();
  whole.focus("pause-all");
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (rows.size) find("start").click();
  else files.focus();
});
find("pause-all").addEventListener("click", () => {
  queue.pauseAll();
  whole.focus("resume-all");
});
find("resume-all").addEventListener("click", () => {
  queue.resumeAll();
  whole.focus("pause-all");
});
// The second click of a double click on “Upload” must not hit the button that replaced it.
const buttons = find("queue-buttons");

function settle() {
  for (const button of buttons.children) button.setAttribute("aria-disabled", "true");
  setTimeout(() => {
    for (const button of buttons.children) button.removeAttribute("aria-disabled");
  }, LEAST_BETWEEN);
}

buttons.addEventListener(
  "click",
  (event) => {
    if (!event.target.closest("[aria-disabled]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);
find("cancel-all").addEventListener("click", async () => {
  const sent = queue.items.filter((one) => one.isOpen).reduce((sum, one) => sum + one.position, 0);
  const about = sent ? words.cancelAbout.replace("{size}", figures.size(sent)) : words.cancelNothing;
  if (!(await ask(words.cancelAllTitle, about, words.cancelAllYes))) return;
  queue.cancelAll();
  whole.focus("queue-title");
});
find("try-now").addEventListener("click", () => {
  queue.wake();
  whole.focus("pause-all");
});

form.description.maxLength = LONGEST_DESCRIPTION;
form.classList.add("upload-ready");
