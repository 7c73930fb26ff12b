/* What scripts add around every page: palettes and shortcuts. Nothing here is needed to use a page. */

const PAUSE_MS = 120;

/* A dialog whose results are the fragment of a page that also stands for itself. */
class SearchPalette extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.field = this.querySelector("input[type=search]");
    this.found = this.querySelector(".found");
    this.status = this.querySelector("[role=status]");
    this.field.addEventListener("input", () => this.later());
    this.dialog.addEventListener("keydown", (event) => this.walk(event));
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    this.querySelector("form").addEventListener("submit", (event) => this.choose(event));
  }

  open(text = "") {
    if (this.dialog.open) return;
    this.field.value = text;
    this.dialog.showModal();
    this.field.focus();
    this.look();
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.look(), PAUSE_MS);
  }

  async look() {
    const asked = this.asking();
    this.asked = asked;
    this.found.ariaBusy = "true";
    const found = await this.answerTo(asked);
    if (this.asked !== asked) return; // another question is under way
    this.found.ariaBusy = "false";
    if (found === null) {
      this.found.textContent = this.status.textContent = this.found.dataset.failed;
    } else {
      this.found.innerHTML = found;
      this.status.textContent = this.found.querySelector("[data-said]").textContent;
    }
  }

  asking() {
    return new URLSearchParams(new FormData(this.querySelector("form"))).toString();
  }

  async answerTo(asked) {
    try {
      const answer = await fetch(`${this.getAttribute("src")}?${asked}`, { headers: { "X-Fragment": "found" } });
      return answer.ok && !answer.redirected ? await answer.text() : null;
    } catch {
      return null;
    }
  }

  walk(event) {
    if (event.key === "Escape") { // which would clear the field first
      event.preventDefault();
      this.dialog.close();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [this.field, ...this.found.querySelectorAll("a")];
    const at = stops.indexOf(document.activeElement);
    stops[(at + step + stops.length) % stops.length].focus();
    event.preventDefault();
  }

  choose(event) {
    const first = this.found.querySelector("a");
    if (!first || this.asked !== this.asking() || this.found.ariaBusy === "true") return;
    event.preventDefault();
    first.click();
  }
}

class KeyShortcuts extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.pressed = (event) => this.act(event);
    document.addEventListener("keydown", this.pressed);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.pressed);
  }

  act(event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      document.getElementById("palette").open();
      return;
    }
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable], [role=textbox], dialog[open]");
    if (this.hasAttribute("off") || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = {
      "/": () => document.getElementById("palette").open(),
      e: () => document.getElementById("switcher").open(),
      h: () => document.querySelector(".brand").click(),
      "?": () => this.dialog.showModal(),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

customElements.define("search-palette", SearchPalette);
customElements.define("key-shortcuts", KeyShortcuts);

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  document.getElementById(opener.dataset.opens).open(opener.value ?? "");
});
