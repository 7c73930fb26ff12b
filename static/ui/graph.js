// <workflow-graph>: states and transitions as SVG, laid out by dagre. The table beside it says the same in words.
// Each state is a button: arrow keys follow transitions, Enter opens its row in the table. A transition that leads to
// its own state is a line of that state.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LINE = 16;
  const PAD = 12;

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const textWidth = (text) => Math.max(40, text.length * 7.2) + 2 * PAD;
  const short = (text, length = 28) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

  // Between the points of an edge the line is smooth.
  const curve = (points) => {
    let path = `M ${points[0].x} ${points[0].y}`;
    for (let i = 1; i < points.length - 1; i += 1) {
      const next = points[i + 1];
      const middle = i === points.length - 2 ? next : { x: (points[i].x + next.x) / 2, y: (points[i].y + next.y) / 2 };
      path += ` Q ${points[i].x} ${points[i].y} ${middle.x} ${middle.y}`;
    }
    if (points.length === 2) path += ` L ${points[1].x} ${points[1].y}`;
    return path;
  };

  class WorkflowGraph extends HTMLElement {
    connectedCallback() {
      const { states, transitions } = JSON.parse(document.getElementById(this.getAttribute("data-source")).textContent);
      const layout = new dagre.graphlib.Graph({ multigraph: true });
      layout.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 48, edgesep: 16, marginx: 12, marginy: 12 });
      for (const state of states) {
        const lines = [short(state.name), ...this.loops(state, transitions).map((each) => `↻ ${short(each.name, 22)}`)];
        const width = Math.max(...lines.map(textWidth));
        layout.setNode(state.name, { width, height: 52 + LINE * (lines.length - 1), lines });
      }
      transitions.forEach((transition, index) => {
        if (transition.from === transition.to) return;
        const label = short(transition.name, 22);
        const size = { width: textWidth(label) - PAD, height: LINE + 4, labelpos: "c" };
        layout.setEdge(transition.from, transition.to, { ...size, transition, label }, String(index));
      });
      dagre.layout(layout);
      this.draw(layout, states, transitions);
    }

    draw(layout, states, transitions) {
      const { width, height } = layout.graph();
      const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group" });
      svg.setAttribute("aria-label", this.getAttribute("data-label"));
      svg.append(
        make("defs", {},
          make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse",
            orient: "auto" },
            make("path", { d: "M 0 0 L 8 4 L 0 8 z", class: "arrow" }))));
      for (const edge of layout.edges()) svg.append(this.edge(layout.edge(edge)));
      for (const state of states) svg.append(this.state(layout.node(state.name), state, transitions));
      svg.addEventListener("keydown", (event) => this.move(event, layout));
      this.replaceChildren(svg);
    }

    loops(state, transitions) {
      return transitions.filter((each) => each.from === state.name && each.to === state.name);
    }

    edge({ points, transition, label, x, y }) {
      const kinds = ["edge", transition.kind, transition.disabled ? "disabled" : "", transition.conditional ? "conditional" : ""];
      return make("g", { class: kinds.filter(Boolean).join(" ") },
        make("title", {}, transition.name),
        make("path", { d: curve(points), "marker-end": "url(#arrow)" }),
        make("text", { x, y: y + 4, "text-anchor": "middle" }, label));
    }

    state({ x, y, width, height, lines }, state, transitions) {
      const into = transitions.filter((each) => each.to === state.name).length;
      const out = transitions.filter((each) => each.from === state.name).length;
      const top = y - height / 2;
      const group = make("g", {
        class: `state ${state.role}`, role: "button", tabindex: 0, "data-state": state.name,
        "aria-label": `${state.name}, ${into} in, ${out} out, ${state.count} entities`,
      });
      const [name, ...loops] = lines;
      group.append(
        make("rect", { x: x - width / 2, y: top, width, height, rx: state.role === "terminal" ? 26 : 6 }),
        make("text", { x, y: top + 22, "text-anchor": "middle" }, name),
        make("text", { x, y: top + 40, "text-anchor": "middle", class: "count" }, state.count.toLocaleString("en")));
      loops.forEach((line, index) => {
        group.append(make("text", { x, y: top + 40 + LINE * (index + 1), "text-anchor": "middle", class: "loop" }, line));
      });
      group.addEventListener("click", () => this.open(state.name));
      return group;
    }

    open(name) {
      const row = document.getElementById(`state-${name}`);
      if (row !== null) {
        row.scrollIntoView({ block: "center" });
        row.focus();
      }
    }

    move(event, layout) {
      const name = event.target.getAttribute("data-state");
      if (name === null) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.open(name);
        return;
      }
      const near = {
        ArrowRight: () => layout.successors(name), ArrowLeft: () => layout.predecessors(name),
        ArrowDown: () => this.beside(layout, name, 1), ArrowUp: () => this.beside(layout, name, -1),
      }[event.key]?.();
      const next = near?.find((each) => each !== name);
      if (next !== undefined) {
        event.preventDefault();
        [...this.querySelectorAll("[data-state]")].find((each) => each.getAttribute("data-state") === next).focus();
      }
    }

    // The next state above or below, the nearest first.
    beside(layout, name, direction) {
      const here = layout.node(name);
      const far = (other) => (layout.node(other).y - here.y) * direction;
      return layout.nodes().filter((other) => far(other) > 1).sort((a, b) => far(a) - far(b));
    }
  }

  customElements.define("workflow-graph", WorkflowGraph);
})();
