// Upload speed and remaining time, and their formatting.

const WINDOW = 10_000;
const LEAST_FOR_A_GUESS = 2_500;

/** The speed over the last seconds: it reacts quickly to a stall and to a recovery. */
export class Pace {
  #points = [];
  #total = 0;

  /** Count sent bytes; `now` in milliseconds. */
  moved(bytes, now) {
    if (!this.#points.length) this.#points.push([now, 0]);
    this.#total += bytes;
    const last = this.#points.at(-1);
    // A sample each quarter of a second is enough, however often the browser reports.
    if (this.#points.length > 1 && now - this.#points.at(-2)[0] < 250) last[1] = this.#total;
    else this.#points.push([now, this.#total]);
    this.#forget(now);
  }

  /** Reset, as after a pause. */
  reset() {
    this.#points = [];
    this.#total = 0;
  }

  #forget(now) {
    while (this.#points.length > 2 && now - this.#points[1][0] > WINDOW) this.#points.shift();
  }

  /** Return bytes per second, or null while unknown. */
  rate(now) {
    if (!this.#points.length) return null;
    this.#forget(now);
    const [began, before] = this.#points[0];
    const taken = now - began;
    if (taken < LEAST_FOR_A_GUESS) return null;
    return Math.max(0, ((this.#total - before) * 1000) / taken);
  }
}

/** Return the remaining seconds, or null if unpredictable. */
export function secondsLeft(rest, rate) {
  if (rest <= 0) return 0;
  if (!rate || rest / rate > 99 * 3600) return null;
  return rest / rate;
}

/** Format numbers in the page's language; `units` are those of bytes, smallest first. */
export class Figures {
  constructor(locale, units) {
    this.locale = locale;
    this.units = units;
    this.plural = new Intl.PluralRules(locale);
  }

  size(bytes) {
    let value = bytes;
    let unit = 0;
    while (value >= 999.5 && unit < this.units.length - 1) {
      value /= 1000;
      unit += 1;
    }
    // Like vigint_web/i18n/formats.py: a size is the same before and after an upload.
    const number = value.toLocaleString(this.locale, { maximumFractionDigits: unit ? 1 : 0 });
    return `${number} ${this.units[unit]}`;
  }

  share(part) {
    return part.toLocaleString(this.locale, { style: "percent" });
  }

  /** Return an approximate duration; not to the second, to avoid flicker. */
  time(seconds) {
    if (seconds < 55) return this.#unit(Math.max(5, Math.ceil(seconds / 5) * 5), "second");
    const minutes = Math.round(seconds / 60);
    if (minutes < 90) return this.#unit(Math.max(1, minutes), "minute");
    return this.#unit(Math.round(minutes / 30) / 2, "hour");
  }

  /** Return the remaining time as text, or null if unpredictable. */
  left(rest, rate) {
    const seconds = secondsLeft(rest, rate);
    return seconds === null ? null : this.time(seconds);
  }

  #unit(value, unit) {
    return value.toLocaleString(this.locale, { style: "unit", unit, unitDisplay: "long" });
  }

  moment(iso, zone) {
    const options = { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };
    const at = { ...options, timeZone: zone || undefined };
    // Days first and 24 hours, as everywhere else here: formats.py names the same dialect.
    const dialect = this.locale === "en" ? "en-GB" : this.locale;
    const said = new Intl.DateTimeFormat(dialect, at).format(new Date(iso));
    return this.locale.startsWith("fr") ? said.replace(/^1(?=\s)/, "1er") : said;
  }

  /** Return the sentence for a number: `one` for the language's singular, else `many`. */
  count(number, one, many) {
    const sentence = this.plural.select(number) === "one" ? one : many;
    return sentence.replace("{number}", number.toLocaleString(this.locale));
  }
}
