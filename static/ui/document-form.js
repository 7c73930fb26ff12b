// <document-form>: who types into a field that was left out, or null, sees that it has a value now. Without scripts the
// server takes it so.
"use strict";

const TYPED = ["text", "number", "json"];

class DocumentForm extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", (event) => {
      const kinds = event.target.closest(".field-value")?.querySelector("select");
      if (!kinds || kinds === event.target || TYPED.includes(kinds.value) || !event.target.value) return;
      const kind = [...kinds.options].find((option) => TYPED.includes(option.value));
      if (kind) kinds.value = kind.value;
    });
  }
}

customElements.define("document-form", DocumentForm);
