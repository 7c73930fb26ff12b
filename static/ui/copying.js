// <copy-value>: a button that copies a text, its own (`data-text`) or that of the element `data-from` names.
// <copy-lines>: two such buttons in each row of the table inside, for its `data-path` and for its value.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

const sheets = () => {
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3");
  icon.append(path);
  return icon;
};

const copyButton = (label, text, caption = "") => {
  const button = document.createElement("button");
  const show = (mark) => button.replaceChildren(mark || caption || sheets());
  button.type = "button";
  button.className = caption ? "btn" : "copy";
  button.title = label;
  button.setAttribute("aria-label", label);
  show();
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      show("✓");
    } catch {
      show("✗");
    }
    setTimeout(show, 1500);
  });
  return button;
};

class CopyValue extends HTMLElement {
  connectedCallback() {
    const from = this.dataset.from;
    const label = this.dataset.label;
    const text = () => (from ? document.getElementById(from).textContent : this.dataset.text);
    this.replaceChildren(copyButton(label, text, from ? label : ""));
  }
}

class CopyLines extends HTMLElement {
  connectedCallback() {
    const { path, value } = this.dataset;
    for (const row of this.querySelectorAll("tr[data-path]")) {
      const [name, cell] = row.children;
      name.append(copyButton(`${path} ${row.dataset.path}`, () => row.dataset.path));
      if (cell.firstChild) {
        const text = cell.firstChild.textContent;
        cell.append(copyButton(`${value} ${row.dataset.path}`, () => text));
      }
    }
  }
}

customElements.define("copy-value", CopyValue);
customElements.define("copy-lines", CopyLines);
