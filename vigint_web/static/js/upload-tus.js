// Implements tus 1.0.0 (https://tus.io/protocols/resumable-upload): creates an upload, gets its
// offset, sends the rest in pieces. One attempt each; the queue decides about retries.

const VERSION = "1.0.0";
const SMALLEST = 1024 * 1024;
const FIRST = 2 * SMALLEST;
const LARGEST = 16 * SMALLEST;
// The target duration of a piece: short enough for proxies, long enough for few requests. The
// received part of an interrupted piece is kept.
const PER_PIECE = 8_000;
// The time without a byte after which a dead connection is aborted.
const SILENCE = 30_000;
// The last piece is answered when all bytes are stored, which takes long for large files.
const PATIENCE = 180_000;

/** A final refusal: `status` and `code` as answered, the message a sentence for people. */
export class Refused extends Error {
  constructor(status, code, sentence) {
    super(sentence || code || String(status));
    this.status = status;
    this.code = code;
    this.sentence = sentence;
  }
}

/** A temporary failure: "network", "busy" or "server". */
export class Interrupted extends Error {
  constructor(reason, { after = 0, sentence = "" } = {}) {
    super(reason);
    this.reason = reason;
    this.after = after;
    this.sentence = sentence;
  }
}

/** The session has ended. */
export class LoggedOut extends Error {}

/** The upload no longer exists: expired, or deleted elsewhere. */
export class Gone extends Error {}

/** Convert an unsuccessful answer to one of the errors above. */
function refusal(status, header, text) {
  let told = {};
  try {
    told = JSON.parse(text || "{}");
  } catch {
    // A proxy's own error page is meaningless to users.
  }
  const after = 1000 * (Number(header("Retry-After")) || 0);
  const { code = "", error: sentence = "" } = told;
  if (status === 401) return new LoggedOut();
  if (status === 404 || status === 410) return new Gone();
  const isBusy = status === 423 || (status === 409 && code !== "source_id_taken");
  if (isBusy) return new Interrupted("busy", { after });
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new Interrupted("server", { after, sentence });
  }
  return new Refused(status, code, sentence);
}

function encoded(metadata) {
  const pairs = Object.entries(metadata).filter(([, value]) => value);
  return pairs
    .map(([key, value]) => {
      const bytes = new TextEncoder().encode(value);
      return `${key} ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
    })
    .join(",");
}

/** The server's uploads, accessed with the page's session. */
export class Tus {
  #endpoint;
  #session;

  /** `session` provides the CSRF token, and a new one when the old one is refused. */
  constructor(endpoint, session) {
    this.#endpoint = endpoint;
    this.#session = session;
  }

  async #ask(method, address, { headers = {}, signal } = {}) {
    const send = async () => {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), SILENCE);
      const abort = () => patience.abort();
      signal?.addEventListener("abort", abort);
      try {
        signal?.throwIfAborted();
        return await fetch(address, {
          method,
          cache: "no-store",
          redirect: "manual",
          signal: patience.signal,
          headers: { "Tus-Resumable": VERSION, "X-CSRFToken": this.#session.token, ...headers },
        });
      } catch {
        if (signal?.aborted) throw signal.reason;
        throw new Interrupted("network");
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      }
    };
    let response = await send();
    if (response.type === "opaqueredirect") throw new LoggedOut();
    if (response.status === 400 && (await codeOf(response)) === "csrf_failed") {
      await this.#session.renew();
      response = await send();
    }
    if (response.ok) return response;
    throw refusal(response.status, (name) => response.headers.get(name), await textOf(response));
  }

  /** Create an upload; return its address and its source. */
  async create(size, metadata, signal) {
    const headers = { "Upload-Length": String(size), "Upload-Metadata": encoded(metadata) };
    const response = await this.#ask("POST", this.#endpoint, { headers, signal });
    const url = new URL(response.headers.get("Location"), location.href).pathname;
    return { url, source: response.headers.get("Vigint-Source") ?? "" };
  }

  /** Return the number of bytes stored by the server. */
  async offset(url, signal) {
    const response = await this.#ask("HEAD", url, { signal });
    return Number(response.headers.get("Upload-Offset"));
  }

  /** Return the server's description of an upload. */
  async read(url, signal) {
    const headers = { Accept: "application/json" };
    return (await this.#ask("GET", url, { headers, signal })).json();
  }

  /** Return this user's unfinished uploads, each with its `url`. */
  async list(signal) {
    const { uploads } = await this.read(this.#endpoint, signal);
    return uploads.map((one) => ({ ...one, url: this.#endpoint + one.id }));
  }

  /** Delete an upload; ignored if it does not exist. */
  async remove(url) {
    try {
      await this.#ask("DELETE", url);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }

  /**
   * Send a file from an offset to its end.
   *
   * `moved(position)` is called as bytes are sent, `safe(offset)` when the server has stored them.
   */
  async send(url, file, offset, { signal, moved, safe }) {
    let position = offset;
    let length = FIRST;
    while (position < file.size) {
      const began = performance.now();
      const piece = file.slice(position, Math.min(file.size, position + length));
      position = await this.#patch(url, piece, position, { signal, moved });
      safe(position);
      const taken = performance.now() - began;
      if (taken < PER_PIECE / 2) length = Math.min(2 * length, LARGEST);
      else if (taken > 2 * PER_PIECE) length = Math.max(length / 2, SMALLEST);
    }
  }

  /** Send one piece. By XMLHttpRequest, because fetch does not report sent bytes. */
  async #patch(url, piece, offset, { signal, moved }) {
    const send = () => this.#patchOnce(url, piece, offset, { signal, moved });
    let request = await send();
    if (request.status === 400 && /"csrf_failed"/.test(request.responseText)) {
      await this.#session.renew();
      request = await send();
    }
    if (request.status === 204) return Number(request.getResponseHeader("Upload-Offset"));
    throw refusal(request.status, (name) => request.getResponseHeader(name), request.responseText);
  }

  #patchOnce(url, piece, offset, { signal, moved }) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      let silence;
      const listen = (longest) => {
        clearTimeout(silence);
        silence = setTimeout(() => request.abort(), longest);
      };
      const abort = () => request.abort();
      const finish = (settle, value) => {
        clearTimeout(silence);
        signal.removeEventListener("abort", abort);
        settle(value);
      };
      request.open("PATCH", url);
      request.setRequestHeader("Tus-Resumable", VERSION);
      request.setRequestHeader("Upload-Offset", String(offset));
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.setRequestHeader("X-CSRFToken", this.#session.token);
      request.upload.addEventListener("progress", (step) => {
        listen(SILENCE);
        moved(offset + Math.min(step.loaded, piece.size));
      });
      request.upload.addEventListener("load", () => listen(PATIENCE));
      request.addEventListener("load", () => finish(done, request));
      for (const end of ["error", "abort"]) {
        request.addEventListener(end, () => {
          finish(failed, signal.aborted ? signal.reason : new Interrupted("network"));
        });
      }
      if (signal.aborted) return finish(failed, signal.reason);
      signal.addEventListener("abort", abort);
      listen(SILENCE);
      request.send(piece);
    });
  }
}

async function textOf(response) {
  try {
    return await response.text();
  } catch {
    return "";
  }
}

async function codeOf(response) {
  try {
    return JSON.parse(await response.clone().text()).code;
  } catch {
    return "";
  }
}
