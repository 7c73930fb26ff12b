// <live-status>: keeps the page's regions (`[data-live]`, each with an id) as the server has them. It reads the stream
// of the page, or asks for its live parts when there is no stream; it holds while the tab is hidden or its button is
// pressed. Without this script it is a link that loads the page again.
"use strict";

(() => {
  const LONGEST_WAIT = 30;
  const POLL_SECONDS = 5;
  const FAILURES_BEFORE_POLLING = 3;
  const SILENCE_SECONDS = 20;

  const regions = (root) => [...root.querySelectorAll("[data-live][id]")];
  const said = () => document.querySelector("[data-announce]")?.textContent.trim() ?? "";

  // What a person has opened stays open, and what they are typing stays as it is.
  const KEPT = {
    ignoreActiveValue: true,
    morphStyle: "outerHTML",
    callbacks: { beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS") },
  };

  class LiveStatus extends HTMLElement {
    connectedCallback() {
      this.failures = 0;
      this.isHeld = false;
      this.text = Object.assign(document.createElement("span"), { className: "live-text" });
      this.button = Object.assign(document.createElement("button"), { className: "btn btn-sm", type: "button" });
      this.voice = Object.assign(document.createElement("span"), { className: "visually-hidden" });
      this.voice.setAttribute("role", "status");
      this.replaceChildren(this.text, this.button, this.voice);
      if (this.dataset.follow) this.offerToFollow();
      this.button.addEventListener("click", () => this.hold(!this.isHeld));
      document.addEventListener("visibilitychange", () => this.resume());
      window.addEventListener("pagehide", () => this.close());
      setInterval(() => this.tick(), 1000);
      this.heard();
      this.hold(false);
    }

    // What is new is at the end: the reader may want it in view.
    offerToFollow() {
      const label = Object.assign(document.createElement("label"), { className: "live-follow" });
      this.following = Object.assign(document.createElement("input"), { type: "checkbox", className: "form-check-input" });
      label.append(this.following, ` ${this.dataset.followText}`);
      this.insertBefore(label, this.button);
    }

    get isPaused() {
      return this.isHeld || document.hidden || this.isOver;
    }

    hold(isHeld) {
      this.isHeld = isHeld;
      this.button.textContent = isHeld ? this.dataset.resume : this.dataset.pause;
      this.resume();
    }

    resume() {
      this.close();
      this.failures = 0;
      if (!this.isPaused) this.open();
      this.tick();
    }

    close() {
      clearTimeout(this.next);
      this.source?.close();
      this.source = null;
    }

    open() {
      this.close();
      this.source = new EventSource(this.dataset.stream);
      this.source.addEventListener("page", (event) => this.show(event.data));
      this.source.addEventListener("same", () => this.heard());
      this.source.addEventListener("gone", () => this.end());
      this.source.addEventListener("error", () => this.fail());
    }

    fail() {
      this.close();
      this.failures += 1;
      if (this.isPaused) return;
      if (this.failures >= FAILURES_BEFORE_POLLING) this.poll();
      else this.later(() => this.open(), Math.min(LONGEST_WAIT, 2 ** (this.failures - 1)));
      this.tick();
    }

    // The stream is tried again now and then: it may have been the network.
    async poll() {
      try {
        const answer = await fetch(location.href, { headers: { "X-Live": "1" }, cache: "no-store" });
        if (answer.redirected || answer.status === 403 || answer.status === 404) return this.end();
        if (!answer.ok) throw new Error(String(answer.status));
        this.polls = (this.polls ?? 0) + 1;
        this.show(await answer.text());
      } catch {
        this.failures += 1;
      }
      if (this.isPaused) return;
      const wait = Math.min(LONGEST_WAIT, POLL_SECONDS * Math.max(1, this.failures - FAILURES_BEFORE_POLLING + 1));
      this.later(() => (this.polls % 10 === 9 ? this.open() : this.poll()), wait);
    }

    later(act, seconds) {
      clearTimeout(this.next);
      this.next = setTimeout(act, seconds * 1000);
    }

    end(text = this.dataset.gone) {
      this.isOver = true;
      this.close();
      this.button.hidden = true;
      this.ending = text;
      this.voice.textContent = text;
      this.tick();
    }

    show(html) {
      const parts = new DOMParser().parseFromString(html, "text/html");
      const before = said();
      for (const region of regions(document)) {
        const part = parts.getElementById(region.id);
        if (!part) continue;
        region.setAttribute("aria-busy", "true");
        Idiomorph.morph(region, part, KEPT);
        document.getElementById(region.id)?.removeAttribute("aria-busy");
      }
      if (said() !== before) this.voice.textContent = said();
      this.heard();
      if (this.following?.checked) document.querySelector(this.dataset.follow)?.scrollIntoView({ block: "nearest" });
      document.dispatchEvent(new CustomEvent("live:shown"));
      if (parts.querySelector("[data-live-over]")) this.end(this.dataset.over);
    }

    heard() {
      if (this.source) this.failures = 0;
      this.at = Date.now();
      this.tick();
    }

    tick() {
      const seconds = Math.round((Date.now() - this.at) / 1000);
      if (this.source && !this.isPaused && seconds > SILENCE_SECONDS) this.fail();
      const ago = this.dataset.ago.replace("{n}", seconds);
      const [state, text] = this.isOver
        ? ["over", this.ending]
        : this.isHeld || document.hidden
          ? ["paused", `${this.dataset.paused} · ${ago}`]
          : this.failures === 0
            ? ["live", `${this.dataset.live} · ${ago}`]
            : this.failures >= FAILURES_BEFORE_POLLING && seconds <= 2 * POLL_SECONDS
              ? ["polling", `${this.dataset.polling} · ${ago}`]
              : ["lost", `${this.dataset.lost} · ${ago}`];
      this.setAttribute("data-state", state);
      if (this.text.textContent !== text) this.text.textContent = text;
    }
  }

  customElements.define("live-status", LiveStatus);
})();
