// Maps files to unfinished uploads, in this browser: name, size and date of the file, and the
// upload's address, which gives no access without its owner's login.

import { fingerprint } from "./upload-files.js";

const same = (one, other) =>
  one.name === other.name && one.size === other.size && one.modified === other.modified;

/** Store a user's uploads; those of other users of the same browser are kept. */
export class Store {
  #key;

  constructor(person) {
    this.#key = `vigint-uploads-${person}`;
  }

  #all() {
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "[]");
    } catch {
      return []; // storage is disabled or restricted: resuming works manually
    }
  }

  #keep(entries) {
    try {
      if (entries.length) localStorage.setItem(this.#key, JSON.stringify(entries));
      else localStorage.removeItem(this.#key);
    } catch {
      // As above.
    }
  }

  remember(file, folder, url) {
    const others = this.#all().filter((one) => one.url !== url);
    this.#keep([...others, { ...fingerprint(file), folder, url }]);
  }

  forget(url) {
    this.#keep(this.#all().filter((one) => one.url !== url));
  }

  /** Remove uploads that the server no longer has. */
  keepOnly(urls) {
    this.#keep(this.#all().filter((one) => urls.includes(one.url)));
  }

  /** Return the stored data of an upload. */
  of(url) {
    return this.#all().find((one) => one.url === url);
  }

  /**
   * Return the address under which a file was begun; null if it was not, or if it is ambiguous.
   *
   * Cameras write files of equal name, size and date into folders of their own: then the folder
   * decides, and a file without one is not matched.
   */
  find(file, folder, open) {
    const alike = this.#all().filter((one) => open(one.url) && same(one, fingerprint(file)));
    const exact = alike.find((one) => one.folder === folder);
    if (exact) return exact.url;
    return alike.length === 1 && !(folder && alike[0].folder) ? alike[0].url : null;
  }
}
