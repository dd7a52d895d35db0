// The session of a page that stays open for hours: its CSRF token, and whether it is valid.

import { Interrupted, LoggedOut } from "./upload-tus.js";

const PATIENCE = 30_000;

/** The page's initial token, renewed when the server requires it. */
export class Session {
  constructor(address, person, token) {
    this.address = address;
    this.person = person;
    this.token = token;
  }

  /** Fetch a new token; throws LoggedOut when no user, or another one, is logged in. */
  async renew() {
    let response;
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      response = await fetch(this.address, { cache: "no-store", redirect: "manual", signal });
    } catch {
      throw new Interrupted("network");
    }
    if (response.type === "opaqueredirect" || [401, 403].includes(response.status)) {
      throw new LoggedOut();
    }
    if (!response.ok) throw new Interrupted("server");
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const form = page.getElementById("upload");
    if (!form || form.dataset.person !== this.person) throw new LoggedOut();
    this.token = form.querySelector("[name=csrf_token]").value;
  }

  /** Send a form of the dashboard, and read the following page with its messages completely. */
  async post(address, again = true) {
    const body = new URLSearchParams({ csrf_token: this.token });
    let response;
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      response = await fetch(address, { method: "POST", body, signal });
      await response.text();
    } catch {
      throw new Interrupted("network");
    }
    if (response.status === 401) throw new LoggedOut();
    if (response.status === 400 && again) {
      await this.renew();
      return this.post(address, false);
    }
    if (!response.ok && response.status !== 404) throw new Interrupted("server");
  }
}
