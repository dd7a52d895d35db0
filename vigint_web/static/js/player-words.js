// Formats the player's times: positions in the video, and the clock of the recording. To the tenth
// of a second, or exactly: to the millisecond, which can separate neighbouring pictures.

// British English like the other pages: 21 Nov 2026, not Nov 21.
const DIALECTS = { en: "en-GB" };
const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const DATE = { ...TIME, day: "numeric", month: "short", year: "numeric", timeZoneName: "shortOffset" };

const ROUNDING = 0.002; // seconds: a picture's time is a fraction, a gap's is in milliseconds

export class Words {
  constructor({ locale, zone, recordedAt, gaps = "" }) {
    this.locale = DIALECTS[locale] ?? locale;
    this.began = recordedAt ? Date.parse(recordedAt) : NaN;
    this.gaps = readGaps(gaps);
    this.two = new Intl.NumberFormat(this.locale, { minimumIntegerDigits: 2 });
    this.plain = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 2 });
    this.seconds = [1, 3].map(
      (digits) => new Intl.NumberFormat(this.locale, { minimumIntegerDigits: 2, minimumFractionDigits: digits }),
    );
    this.clocks = [1, 3].map((digits) => clockOf(this.locale, zone, { ...DATE, fractionalSecondDigits: digits }));
    this.timesOfDay = clockOf(this.locale, zone, TIME);
  }

  /** 1:02:03,4 */
  position(seconds, exact = false) {
    const { hours, minutes, rest } = parts(seconds, exact);
    const end = this.seconds[Number(exact)].format(rest);
    return hours ? `${hours}:${this.two.format(minutes)}:${end}` : `${minutes}:${end}`;
  }

  /** 1:02:03, in whole seconds */
  short(seconds) {
    const { hours, minutes, rest } = parts(seconds, false);
    const end = this.two.format(Math.floor(rest));
    return hours ? `${hours}:${this.two.format(minutes)}:${end}` : `${minutes}:${end}`;
  }

  /** 1 heure 2 minutes 3,4 secondes */
  spoken(seconds, exact = false) {
    const { hours, minutes, rest } = parts(seconds, exact);
    const said = [];
    if (hours) said.push(this.unit(hours, "hour"));
    if (minutes) said.push(this.unit(minutes, "minute"));
    if (rest || !said.length) said.push(this.unit(rest, "second"));
    return said.join(" ");
  }

  unit(value, unit) {
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, unitDisplay: "long" }).format(value);
  }

  speed(value) {
    return `${this.plain.format(value)}×`;
  }

  get knowsClock() {
    return !Number.isNaN(this.began);
  }

  /** The date and the local time at which the picture at this position was taken. */
  clock(seconds, exact = false) {
    const said = this.clocks[Number(exact)].format(this.moment(seconds)).replace("GMT", "UTC");
    return this.locale.startsWith("fr") ? said.replace(/^1(?=\s)/, "1er") : said;
  }

  /** 14:30:42 */
  timeOfDay(seconds) {
    return this.timesOfDay.format(this.moment(seconds));
  }

  moment(seconds) {
    const gap = this.gaps.findLast(({ at }) => at <= seconds + ROUNDING);
    return new Date(this.began + Math.round((seconds + (gap?.leftOut ?? 0)) * 1000));
  }
}

/** "2.4 5000 9.1 8000": positions, and the seconds by which elapsed time exceeds playback. */
function readGaps(text) {
  const numbers = text.split(" ").filter(Boolean).map(Number);
  const starts = numbers.filter((_, place) => place % 2 === 0);
  return starts.map((at, place) => ({ at, leftOut: numbers[2 * place + 1] }));
}

// Never rounded up: the shown time has been reached.
function parts(seconds, exact) {
  const step = exact ? 1000 : 10;
  const steps = exact ? Math.round(seconds * step) : Math.floor(seconds * step + 0.001);
  const whole = Math.floor(steps / step);
  return {
    hours: Math.floor(whole / 3600),
    minutes: Math.floor((whole % 3600) / 60),
    rest: (whole % 60) + (steps % step) / step,
  };
}

function clockOf(locale, timeZone, options) {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone });
  } catch {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }); // an unknown zone
  }
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
