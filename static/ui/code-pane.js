// <code-pane>: the textarea inside it becomes an editor for JSON. With `data-check`, an address that takes the text as
// `document`, what is wrong with it is told while one types; `data-line` is where it opens. The textarea keeps the text,
// so forms are sent as without it. Tab leaves the editor; Ctrl-Z undoes in it.
"use strict";

(() => {
  const {
    autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap, completeFromList, completionKeymap,
    defaultKeymap, EditorState, EditorView, foldGutter, foldKeymap, highlightActiveLine, highlightActiveLineGutter,
    HighlightStyle, history, historyKeymap, indentOnInput, indentUnit, json, keymap, linter, lineNumbers, lintGutter,
    lintKeymap, syntaxHighlighting, tags,
  } = window.CodeMirror;

  const WAIT_MS = 500;
  const SEVERITIES = { ERROR: "error", WARNING: "warning", INFO: "info" };
  const MARKS = { ERROR: "✕", WARNING: "▲", INFO: "ℹ" };

  // In a shadow root the editor's styles are sheets that it adopts, which the content policy allows.
  const theme = EditorView.theme({
    "&": { color: "var(--text)", backgroundColor: "var(--surface)", border: "1px solid var(--line)", borderRadius: "4px", fontSize: ".8125rem" },
    "&.cm-focused": { outline: "2px solid var(--link)" },
    ".cm-scroller": { fontFamily: "var(--tblr-font-monospace, monospace)", minHeight: "16rem", maxHeight: "70vh", overflow: "auto" },
    ".cm-content": { caretColor: "var(--text)" },
    ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
    ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
    ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "color-mix(in srgb, var(--accent) 20%, var(--surface))", color: "var(--text)" },
    ".cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent)" },
  });
  const colours = syntaxHighlighting(HighlightStyle.define([
    { tag: tags.propertyName, color: "light-dark(#0a5cae, #6cb2f7)" },
    { tag: tags.string, color: "light-dark(#1a6b2f, #8fdca6)" },
    { tag: tags.number, color: "light-dark(#8a3b00, #f0b27a)" },
    { tag: [tags.bool, tags.null], color: "light-dark(#7b2fa0, #d6a6f2)" },
  ]));

  class CodePane extends HTMLElement {
    connectedCallback() {
      this.area = this.querySelector("textarea");
      if (this.area === null || this.view !== undefined) return;
      const label = document.querySelector(`label[for="${this.area.id}"]`);
      const host = document.createElement("div");
      const root = host.attachShadow({ mode: "open" });
      this.area.before(host);
      this.area.hidden = true;
      this.view = new EditorView({
        root,
        parent: root,
        state: EditorState.create({ doc: this.area.value, extensions: this.extensions(label?.textContent ?? "") }),
      });
      label?.addEventListener("click", () => this.view.focus());
      if (this.dataset.line) this.open(Number(this.dataset.line));
    }

    extensions(label) {
      const words = (this.dataset.words ?? "").split(" ").filter(Boolean).map((word) => ({ label: `"${word}"`, type: "property" }));
      return [
        lineNumbers(), highlightActiveLineGutter(), highlightActiveLine(), history(), foldGutter(), indentOnInput(),
        bracketMatching(), closeBrackets(), json(), theme, colours, indentUnit.of("  "),
        autocompletion(words.length ? { override: [completeFromList(words)] } : {}),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label.trim(), spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) this.area.value = update.state.doc.toString();
        }),
        ...(this.dataset.check ? [lintGutter(), linter((view) => this.check(view), { delay: WAIT_MS })] : []),
      ];
    }

    open(number) {
      const line = this.view.state.doc.line(Math.min(Math.max(1, number), this.view.state.doc.lines));
      this.view.dispatch({ selection: { anchor: line.from, head: line.to }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
      this.view.focus();
    }

    async check(view) {
      const body = new URLSearchParams({ document: view.state.doc.toString() });
      const token = this.closest("form").querySelector("[name=csrfmiddlewaretoken]").value;
      let issues = [];
      try {
        const answer = await fetch(this.dataset.check, { method: "POST", body, headers: { "X-CSRFToken": token } });
        if (answer.ok) ({ issues } = await answer.json());
      } catch {
        return []; // the page is being left, or the server is away: sending the form tells
      }
      this.tell(issues);
      return issues.filter((issue) => issue.line).map((issue) => {
        const line = view.state.doc.line(Math.min(issue.line, view.state.doc.lines));
        return { from: line.from, to: line.to, severity: SEVERITIES[issue.severity], message: issue.text };
      });
    }

    // Below the editor, each a way to its line.
    tell(issues) {
      this.list ??= this.appendChild(document.createElement("ul"));
      this.list.className = "pane-issues";
      this.list.setAttribute("aria-live", "polite");
      this.list.replaceChildren(...issues.map((issue) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = `${MARKS[issue.severity]} ${issue.line ? `${issue.line}: ` : ""}${issue.text}`;
        button.addEventListener("click", () => this.open(issue.line ?? 1));
        item.append(button);
        return item;
      }));
      if (issues.length === 0) {
        const fine = document.createElement("li");
        fine.textContent = `✓ ${this.dataset.fine}`;
        this.list.append(fine);
      }
    }
  }

  customElements.define("code-pane", CodePane);
})();
