// Full screen: the whole player if the browser can, the bare video on an iPhone.

const IDLE = 3000;

export class FullScreen {
  constructor(player) {
    this.player = player;
    this.button = player.parts.full;
    const { root, video } = player;
    this.whole = Boolean(document.fullscreenEnabled && root.requestFullscreen);
    this.button.hidden = !this.whole && !video.webkitEnterFullscreen;
    this.button.addEventListener("click", () => this.toggle());
    root.addEventListener("fullscreenchange", () => this.draw());
    for (const event of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      root.addEventListener(event, (happened) => this.wake(happened));
    }
    for (const event of ["play", "pause"]) video.addEventListener(event, () => this.wake());
  }

  get isOn() {
    return document.fullscreenElement === this.player.root;
  }

  get isIdle() {
    return this.player.root.classList.contains("vp-idle");
  }

  /** Whether the controls overlay the picture: in full screen, and where a page's layout does. */
  get covers() {
    return this.isOn || getComputedStyle(this.player.parts.deck).position === "absolute";
  }

  async toggle() {
    const { root, video } = this.player;
    try {
      if (this.isOn) await document.exitFullscreen();
      else if (this.whole) await root.requestFullscreen({ navigationUI: "hide" });
      else {
        await this.player.load();
        video.webkitEnterFullscreen();
      }
    } catch {
      return; // refused: the video stays where it is
    }
  }

  draw() {
    const { root, data } = this.player;
    root.classList.toggle("vp-full", this.isOn);
    const label = this.isOn ? data.leave : data.enter;
    this.button.setAttribute("aria-label", label);
    this.button.title = label;
    this.wake();
  }

  /** Show the controls; hide them while the video plays without activity. */
  wake(event) {
    // A tap that shows the controls does nothing else: player-touch.js reads this.
    this.wasIdle = event?.type === "pointerdown" ? this.isIdle : false;
    const { root } = this.player;
    clearTimeout(this.timer);
    root.classList.remove("vp-idle");
    if (this.covers) this.timer = setTimeout(() => this.rest(), IDLE);
  }

  rest() {
    const { root, parts, isMoving } = this.player;
    const held = parts.deck.querySelector(":focus-visible, select:focus") !== null;
    if (this.covers && isMoving && !held && parts.panel.hidden) root.classList.add("vp-idle");
  }
}
