// What somebody drops or chooses: every file in it, and why some of them are left out.

const VIDEO = /\.(mp4|m4v|mov|avi|mkv|wmv|flv|webm)$/i;
// What systems leave in folders for themselves.
const CLUTTER = /^(\..*|thumbs\.db|desktop\.ini|ehthumbs\.db|__macosx|\$recycle\.bin)$/i;

/** Return `[file, path]` for every file of a drop, those in folders included. */
export async function dropped(transfer) {
  // The list is emptied when this task ends: nothing is waited for before entries are asked for.
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push([entry, ""]);
    else if (entry) await collect(entry, found);
  }
  return found;
}

async function collect(entry, found) {
  if (entry.isDirectory) {
    for (const child of await children(entry)) await collect(child, found);
    return;
  }
  try {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push([file, folderOf(entry.fullPath)]);
  } catch {
    // Gone, or not ours to read: listed like everything else that is left out.
    found.push([null, folderOf(entry.fullPath), entry.name]);
  }
}

async function children(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) break; // a browser gives a hundred at a time
    found.push(...some);
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  return found.sort((one, other) => order.compare(one.name, other.name));
}

/** Return `[file, path]` for what was chosen by an input, a folder's too. */
export function chosen(input) {
  return [...input.files].map((file) => [file, folderOf(file.webkitRelativePath)]);
}

function folderOf(path) {
  return (path || "").split("/").filter(Boolean).slice(0, -1).join("/");
}

/** Return why a file is left out: hidden, unreadable, noVideo, empty, tooLarge; or "". */
export function complaint(file, folder, name, limit) {
  if ([...folder.split("/"), name].some((part) => CLUTTER.test(part))) return "hidden";
  if (!file) return "unreadable";
  if (!VIDEO.test(name) && !file.type.startsWith("video/")) return "noVideo";
  if (file.size === 0) return "empty";
  if (file.size > limit) return "tooLarge";
  return "";
}

/** Return what tells a file from others without reading it. */
export function fingerprint(file) {
  return { name: file.name, size: file.size, modified: file.lastModified };
}

/** Return whether a file can still be read as it was: not moved, changed, or unplugged. */
export async function isReadable(file) {
  try {
    await file.slice(Math.max(0, file.size - 1)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
