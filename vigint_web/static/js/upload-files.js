// Reads dropped or chosen files: every file, and why some of them are skipped.

const VIDEO = /\.(mp4|m4v|mov|avi|mkv|wmv|flv|webm)$/i;
// Files that operating systems create in folders.
const CLUTTER = /^(\..*|thumbs\.db|desktop\.ini|ehthumbs\.db|__macosx|\$recycle\.bin)$/i;

/** Return `[file, path]` for every dropped file, including those in folders. */
export async function dropped(transfer) {
  // The list is emptied when this task ends: request all entries before waiting.
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
    // Gone, or not readable: listed like all skipped files.
    found.push([null, folderOf(entry.fullPath), entry.name]);
  }
}

async function children(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) break; // browsers return a hundred at a time
    found.push(...some);
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  return found.sort((one, other) => order.compare(one.name, other.name));
}

/** Return `[file, path]` for the files chosen by an input, including a folder's. */
export function chosen(input) {
  return [...input.files].map((file) => [file, folderOf(file.webkitRelativePath)]);
}

function folderOf(path) {
  return (path || "").split("/").filter(Boolean).slice(0, -1).join("/");
}

/** Return why a file is skipped: hidden, unreadable, noVideo, empty, tooLarge; or "". */
export function complaint(file, folder, name, limit) {
  if ([...folder.split("/"), name].some((part) => CLUTTER.test(part))) return "hidden";
  if (!file) return "unreadable";
  if (!VIDEO.test(name) && !file.type.startsWith("video/")) return "noVideo";
  if (file.size === 0) return "empty";
  if (file.size > limit) return "tooLarge";
  return "";
}

/** Return a key that identifies a file without reading it. */
export function fingerprint(file) {
  return { name: file.name, size: file.size, modified: file.lastModified };
}

/** Return whether a file can still be read unchanged: not moved, modified, or unplugged. */
export async function isReadable(file) {
  try {
    await file.slice(Math.max(0, file.size - 1)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
