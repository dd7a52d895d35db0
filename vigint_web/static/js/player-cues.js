// Reads WebVTT whose cues reference parts of one large picture: `sprite.jpg#xywh=160,90,160,90`.

const TIME = String.raw`(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})`;
const TIMES = new RegExp(`^${TIME}[ \\t]+-->[ \\t]+${TIME}`);
const PLACE = /#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/;

/** Return the cues in the order of their times; skip unreadable ones. */
export function readCues(text, base) {
  const cues = [];
  for (const block of text.replace(/\r\n?/g, "\n").split(/\n{2,}/)) {
    const lines = block.split("\n");
    const number = lines.findIndex((line) => line.includes("-->"));
    const times = TIMES.exec(lines[number] ?? "");
    const address = (lines[number + 1] ?? "").trim();
    const place = PLACE.exec(address);
    if (!times || !place) continue;
    const [x, y, width, height] = place.slice(1).map(Number);
    const source = new URL(address, base);
    source.hash = "";
    cues.push({ start: seconds(times, 1), end: seconds(times, 4), source: source.href, x, y, width, height });
  }
  return cues.sort((one, other) => one.start - other.start);
}

/** Return the cue of a position: the last that has begun, the first before all. */
export function cueAt(cues, moment) {
  return cues.findLast((cue) => cue.start <= moment) ?? cues[0];
}

function seconds(found, from) {
  const [hours, minutes, rest] = found.slice(from, from + 3);
  return Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(rest);
}
