// One file of the queue, and its progress.
//
// States: waiting → checking → sending → received → processing → ready; also paused, interrupted
// (continues automatically), failed, cancelled.

import { Pace } from "./upload-figures.js";

const MOVING = new Set(["checking", "sending"]);
const OPEN = new Set(["waiting", "checking", "sending", "paused", "interrupted"]);
const FOLLOWED = new Set(["received", "processing"]);

/** One file of the queue. */
export class Item {
  state = "waiting";
  wanted = false; // the user wants it to start
  url = null;
  source = "";
  position = 0; // bytes sent
  safe = 0; // bytes stored by the server
  resumedAt = 0;
  tries = 0;
  retryAt = 0;
  reason = "";
  sentence = "";
  pace = new Pace();
  told = {}; // the server's description after the upload
  controller = null;
  creating = false; // requested, with an unknown result
  isNamed = false; // its name is being edited
  isKept = false; // the user wants it although its content is already stored
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

  /** Return whether it continues without user action. */
  get isGoing() {
    return this.isOpen && this.wanted && this.state !== "paused";
  }

  get waitsForConnection() {
    return this.state === "interrupted" && this.reason === "network";
  }

  get isFollowed() {
    return FOLLOWED.has(this.state) && !this.removed;
  }

  /** Return whether it counts for the total progress. */
  get counts() {
    return this.state !== "cancelled" && (this.state !== "failed" || this.position >= this.size);
  }
}
