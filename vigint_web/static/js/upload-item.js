// One file on its way, and how far it is.
//
// States: waiting → checking → sending → received → processing → ready; on the way also paused,
// interrupted (goes on by itself), failed, cancelled.

import { Pace } from "./upload-figures.js";

const MOVING = new Set(["checking", "sending"]);
const OPEN = new Set(["waiting", "checking", "sending", "paused", "interrupted"]);
const FOLLOWED = new Set(["received", "processing"]);

/** One file on its way. */
export class Item {
  state = "waiting";
  wanted = false; // somebody said that it shall go
  url = null;
  source = "";
  position = 0; // bytes that left
  safe = 0; // bytes that the server has
  resumedAt = 0;
  tries = 0;
  retryAt = 0;
  reason = "";
  sentence = "";
  pace = new Pace();
  told = {}; // what the server says of it once it is there
  controller = null;
  creating = false; // asked for, and not known yet whether it was made
  isNamed = false; // somebody is writing its name
  isKept = false; // somebody wants it although its content is stored already
  removed = false; // its source was deleted from here
  timer = 0;

  constructor(id, file, folder) {
    this.id = id;
    this.file = file;
    this.folder = folder;
    this.name = file.name;
    this.size = file.size;
    this.title = "";
  }

  get isMoving() {
    return MOVING.has(this.state);
  }

  /** Return whether bytes of it are still to be sent. */
  get isOpen() {
    return OPEN.has(this.state);
  }

  /** Return whether it goes on without anybody doing anything. */
  get isGoing() {
    return this.isOpen && this.wanted && this.state !== "paused";
  }

  get waitsForConnection() {
    return this.state === "interrupted" && this.reason === "network";
  }

  get isFollowed() {
    return FOLLOWED.has(this.state) && !this.removed;
  }

  /** Return whether it counts in what is done and what is left. */
  get counts() {
    return this.state !== "cancelled" && (this.state !== "failed" || this.position >= this.size);
  }
}
