// Rows and groups of a condition, added and removed in place; without this script the form's buttons ask the server.

const BLANK = "NAME";
const RANGES = new Set(["BETWEEN", "BETWEEN_INCLUSIVE"]);
const PRESENCE = new Set(["IS_NULL", "NOT_NULL"]);

class ConditionBuilder extends HTMLElement {
  connectedCallback() {
    this.template = this.querySelector("template");
    this.fitting = JSON.parse(this.dataset.operators);
    this.operators = [...this.template.content.querySelector('[name$=".o"]').options].map(o => [o.value, o.text]);
    this.querySelectorAll(".condition-row").forEach(row => this.arrange(row));
    this.addEventListener("click", event => this.act(event));
    this.addEventListener("change", event => {
      const row = event.target.closest(".condition-row");
      if (row) this.arrange(row);
    });
  }

  act(event) {
    const button = event.target.closest('button[name="do"]');
    const [verb, name] = (button?.value ?? "").split(":");
    if (!name) return;
    event.preventDefault();
    const group = button.closest(".condition-group");
    if (verb === "remove") this.remove(button);
    if (verb === "add") this.row(group);
    if (verb === "group") this.group(group);
  }

  remove(button) {
    const gone = button.closest(".condition-row") ?? button.closest(".condition-group");
    const next = gone.parentElement.closest(".condition-group");
    gone.remove();
    next.querySelector('button[value^="add:"]').focus();
  }

  free(group) {
    group.dataset.next = Math.max(+(group.dataset.next ?? 0), group.querySelector(".condition-children").children.length);
    return `${group.dataset.name}.${group.dataset.next++}`;
  }

  row(group, focus = true) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    this.rename(row, BLANK, this.free(group));
    group.querySelector(".condition-children").append(row);
    this.arrange(row);
    if (focus) row.querySelector("select").focus();
  }

  group(outer) {
    const inner = outer.cloneNode(true);
    this.rename(inner, outer.dataset.name, this.free(outer));
    inner.querySelector(".condition-children").replaceChildren();
    delete inner.dataset.next;
    const join = inner.querySelector(".condition-join select");
    join.value = outer.querySelector(".condition-join select").value === "OR" ? "AND" : "OR";
    if (!inner.querySelector(".condition-join button")) {
      const button = document.createElement("button");
      Object.assign(button, {className: "btn btn-sm", name: "do", value: `remove:${inner.dataset.name}`, textContent: "×"});
      button.setAttribute("aria-label", this.dataset.remove);
      inner.querySelector(".condition-join").append(button);
    }
    outer.querySelector(".condition-children").append(inner);
    this.row(inner);
  }

  rename(node, from, to) {
    node.dataset.name = to;
    for (const part of node.querySelectorAll("[name], button")) {
      if (part.name.startsWith(`${from}.`)) part.name = to + part.name.slice(from.length);
      if (part.value?.endsWith(`:${from}`)) part.value = part.value.slice(0, -from.length) + to;
    }
  }

  arrange(row) {
    const field = row.querySelector('[name$=".f"]'), operator = row.querySelector('[name$=".o"]');
    const kind = field.selectedOptions[0]?.dataset.kind;
    const fitting = new Set(this.fitting[kind] ?? this.operators.map(([value]) => value));
    const chosen = fitting.has(operator.value) ? operator.value : [...fitting][0];
    operator.replaceChildren(...this.operators.filter(([value]) => fitting.has(value))
      .map(([value, text]) => new Option(text, value, false, value === chosen)));
    this.widget(row, kind);
    row.querySelector(".condition-other").classList.toggle("is-needed", RANGES.has(chosen));
    row.querySelector(".condition-value").classList.toggle("is-unneeded", PRESENCE.has(chosen));
  }

  widget(row, kind) {
    const value = row.querySelector('[name$=".v"]');
    const wanted = kind === "boolean" ? "SELECT" : "INPUT";
    if (value.tagName !== wanted) {
      const other = document.createElement(wanted);
      other.name = value.name;
      other.setAttribute("aria-label", value.getAttribute("aria-label"));
      other.className = wanted === "SELECT" ? "form-select" : "form-control";
      if (wanted === "SELECT") other.append(new Option("true"), new Option("false"));
      value.replaceWith(other);
      return this.widget(row, kind);
    }
    if (wanted === "INPUT") {
      value.inputMode = kind === "number" ? "decimal" : "text";
      value.placeholder = {date: "2026-01-31", instant: "2026-01-31T12:00:00Z"}[kind] ?? "";
      const isState = row.querySelector('[name$=".f"]').value === "@state";
      if (isState) value.setAttribute("list", "states"); else value.removeAttribute("list");
    }
  }
}

customElements.define("condition-builder", ConditionBuilder);
