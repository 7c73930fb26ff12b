// <workflow-graph>: states and transitions as SVG, laid out by dagre. The table beside it says the same in words.
// Each state is a button: arrow keys follow transitions, Enter opens its details; its number of entities is a link to
// them. A transition that leads to its own state is a line of that state.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LINE = 16;
  const PAD = 12;
  const MANY = 30; // states; with more of them there is an overview
  const MARKS = { initial: "▸", terminal: "■", waiting: "☐", processing: "⚙" };
  const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "paint-order", "opacity",
    "font-size", "font-family", "font-weight", "text-anchor", "display"];

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

  const download = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  class WorkflowGraph extends HTMLElement {
    connectedCallback() {
      const { states, transitions } = JSON.parse(document.getElementById(this.dataset.source).textContent);
      const layout = this.laidOut(states, transitions);
      const svg = this.drawn(layout, states, transitions);
      this.view = document.createElement("div");
      this.view.className = "graph-view";
      this.view.append(svg);
      this.replaceChildren(this.tools(), this.view);
      this.size = layout.graph();
      if (states.length > MANY) this.append(this.overview(layout, states));
      this.zoom(Math.max(this.fitting(), 0.6));
      const here = svg.querySelector(".here");
      if (here !== null) this.show(here.parentNode);
    }

    laidOut(states, transitions) {
      const layout = new dagre.graphlib.Graph({ multigraph: true });
      layout.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 48, edgesep: 16, marginx: 12, marginy: 12 });
      for (const state of states) {
        const loops = transitions.filter((each) => each.from === state.name && each.to === state.name);
        const lines = [short(state.name), ...loops.map((each) => `↻ ${short(each.name, 22)}`)];
        const width = Math.max(...lines.map(textWidth)) + (MARKS[state.role] ? 16 : 0);
        layout.setNode(state.name, { width, height: 52 + LINE * (lines.length - 1), lines });
      }
      transitions.forEach((transition, index) => {
        if (transition.from === transition.to) return;
        const label = short(transition.name, 22);
        const size = { width: textWidth(label) - PAD, height: LINE + 4, labelpos: "c" };
        layout.setEdge(transition.from, transition.to, { ...size, transition, label }, String(index));
      });
      dagre.layout(layout);
      return layout;
    }

    // States come in the order in which they are reached, so that Tab goes that way.
    drawn(layout, states, transitions) {
      const { width, height } = layout.graph();
      const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": this.dataset.label });
      svg.append(
        make("defs", {},
          make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
            markerUnits: "userSpaceOnUse", orient: "auto" },
          make("path", { d: "M 0 0 L 8 4 L 0 8 z", class: "arrow" }))));
      for (const edge of layout.edges()) svg.append(this.edge(layout.edge(edge)));
      const into = new Map();
      const out = new Map();
      for (const { from, to } of transitions) {
        into.set(to, (into.get(to) ?? 0) + 1);
        out.set(from, (out.get(from) ?? 0) + 1);
      }
      const place = (state) => layout.node(state.name);
      const most = Math.max(1, ...states.map((each) => each.count));
      const ordered = [...states].sort((a, b) => place(a).x - place(b).x || place(a).y - place(b).y);
      for (const state of ordered) {
        const ways = [into.get(state.name) ?? 0, out.get(state.name) ?? 0];
        svg.append(this.state(place(state), state, ways, state.count / most));
      }
      svg.addEventListener("keydown", (event) => this.move(event, layout));
      return svg;
    }

    edge({ points, transition, label, x, y }) {
      const kinds = ["edge", transition.kind, transition.disabled ? "disabled" : "", transition.conditional ? "conditional" : ""];
      const group = make("g", { class: kinds.filter(Boolean).join(" ") },
        make("title", {}, transition.name), make("path", { d: curve(points), "marker-end": "url(#arrow)" }));
      if (transition.conditional) group.append(make("path", { d: curve(points), class: "inner" }));
      group.append(make("text", { x, y: y + 4, "text-anchor": "middle" }, label));
      return group;
    }

    state({ x, y, width, height, lines }, state, [into, out], heat) {
      const top = y - height / 2;
      const here = state.here ? ` (${this.dataset.here})` : "";
      const button = make("g", {
        class: `state ${state.role}${state.here ? " here" : ""}`, role: "button", tabindex: 0, "data-state": state.name,
        "aria-label": `${state.name}${here}, ${into} in, ${out} out, ${state.count} entities`,
      });
      const [name, ...loops] = lines;
      const mark = MARKS[state.role];
      button.append(
        make("rect", { x: x - width / 2, y: top, width, height, rx: state.role === "terminal" ? 26 : 6 }),
        make("rect", { x: x - width / 2, y: top + height - 4, width: Math.max(0, width * heat), height: 3, class: "heat" }),
        make("text", { x, y: top + 22, "text-anchor": "middle" }, mark ? `${mark} ${name}` : name));
      loops.forEach((line, index) => {
        button.append(make("text", { x, y: top + 40 + LINE * (index + 1), "text-anchor": "middle", class: "loop" }, line));
      });
      button.addEventListener("click", () => this.open(state));
      button.addEventListener("focus", () => this.show(button));
      const count = make("text", { x, y: top + 40, "text-anchor": "middle", class: "count" }, state.count.toLocaleString("en"));
      const whole = make("g", { class: "state-whole" }, button);
      whole.append(state.count && state.list
        ? make("a", { href: state.list, class: "count-link", "aria-label": `${state.count} entities in ${state.name}` }, count)
        : count);
      button.details = state;
      return whole;
    }

    open({ name, href }) {
      if (href) {
        window.location.assign(href);
        return;
      }
      const row = document.getElementById(`state-${name}`);
      if (row !== null) {
        row.scrollIntoView({ block: "center" });
        row.focus();
      }
    }

    // Without moving the page.
    show(element) {
      const box = element.getBoundingClientRect();
      const frame = this.view.getBoundingClientRect();
      if (box.left < frame.left || box.right > frame.right) this.view.scrollLeft += box.left - frame.left - (frame.width - box.width) / 2;
      if (box.top < frame.top || box.bottom > frame.bottom) this.view.scrollTop += box.top - frame.top - (frame.height - box.height) / 2;
    }

    move(event, layout) {
      const name = event.target.getAttribute("data-state");
      if (name === null) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.open(event.target.details);
        return;
      }
      const near = {
        ArrowRight: () => layout.successors(name), ArrowLeft: () => layout.predecessors(name),
        ArrowDown: () => this.beside(layout, name, 1), ArrowUp: () => this.beside(layout, name, -1),
      }[event.key]?.();
      const next = near?.find((each) => each !== name);
      if (next !== undefined) {
        event.preventDefault();
        [...this.querySelectorAll("[data-state]")].find((each) => each.getAttribute("data-state") === next).focus({ preventScroll: true });
      }
    }

    // The next state above or below, the nearest first.
    beside(layout, name, direction) {
      const here = layout.node(name);
      const far = (other) => (layout.node(other).y - here.y) * direction;
      const away = (other) => far(other) + Math.abs(layout.node(other).x - here.x);
      return layout.nodes().filter((other) => far(other) > 1).sort((a, b) => away(a) - away(b));
    }

    // The whole in small, stretched to the width: where states are, where entities are, and what is in view.
    overview(layout, states) {
      const { width, height } = this.size;
      const map = make("svg", { class: "graph-overview", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
      for (const state of states) {
        const node = layout.node(state.name);
        map.append(make("rect", { x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height,
          class: state.here ? "here" : state.count ? "filled" : "" }));
      }
      const frame = make("rect", { class: "frame" });
      map.append(frame);
      const follow = () => {
        const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.view;
        const box = { x: scrollLeft, y: scrollTop, width: clientWidth, height: clientHeight };
        for (const [name, value] of Object.entries(box)) frame.setAttribute(name, value / this.scale);
      };
      this.view.addEventListener("scroll", follow);
      new ResizeObserver(follow).observe(this.view.firstChild);
      map.addEventListener("click", (event) => {
        const box = map.getBoundingClientRect();
        this.view.scrollLeft = ((event.clientX - box.left) / box.width) * width * this.scale - this.view.clientWidth / 2;
        this.view.scrollTop = ((event.clientY - box.top) / box.height) * height * this.scale - this.view.clientHeight / 2;
      });
      return map;
    }

    // --- tools ------------------------------------------------------------------------------------------------------

    tools() {
      const bar = document.createElement("div");
      bar.className = "graph-tools";
      const add = (label, act, pressed) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn";
        button.textContent = label;
        if (pressed !== undefined) button.setAttribute("aria-pressed", pressed);
        button.addEventListener("click", () => act(button));
        bar.append(button);
      };
      const words = this.dataset;
      add(words.fit, () => this.zoom(this.fitting(true)));
      add(words.closer, () => this.zoom(this.scale * 1.25));
      add(words.farther, () => this.zoom(this.scale / 1.25));
      add(words.labels, (button) => {
        const hidden = this.classList.toggle("without-labels");
        button.setAttribute("aria-pressed", String(!hidden));
      }, "true");
      if (document.fullscreenEnabled) {
        add(words.full, () => (document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen()));
      }
      add(words.svg, () => download(new Blob([this.drawing()], { type: "image/svg+xml" }), `${words.label}.svg`));
      add(words.png, () => this.savePicture());
      return bar;
    }

    // At most its natural size; with `whole` its height fits too.
    fitting(whole = false) {
      const wide = (this.view.clientWidth - 4) / this.size.width;
      const high = whole ? (0.7 * window.innerHeight) / this.size.height : 1;
      return Math.min(1, wide, high);
    }

    zoom(scale) {
      this.scale = Math.min(3, Math.max(0.05, scale));
      const svg = this.view.firstChild;
      svg.setAttribute("width", this.size.width * this.scale);
      svg.setAttribute("height", this.size.height * this.scale);
    }

    // The picture with its colours, which come from the style sheet otherwise.
    drawing() {
      const svg = this.view.firstChild;
      const copy = svg.cloneNode(true);
      const originals = svg.querySelectorAll("*");
      copy.querySelectorAll("*").forEach((element, index) => {
        const style = getComputedStyle(originals[index]);
        for (const name of STYLES) element.setAttribute(name, style.getPropertyValue(name));
        for (const name of ["class", "tabindex", "role", "data-state", "href"]) element.removeAttribute(name);
      });
      copy.setAttribute("xmlns", SVG);
      copy.setAttribute("width", this.size.width);
      copy.setAttribute("height", this.size.height);
      const ground = getComputedStyle(this.closest(".card") ?? document.body).backgroundColor;
      copy.prepend(make("rect", { width: "100%", height: "100%", fill: ground }));
      return new XMLSerializer().serializeToString(copy);
    }

    savePicture() {
      const picture = new Image();
      const times = Math.min(2, 16_000 / Math.max(this.size.width, this.size.height));
      picture.addEventListener("load", () => {
        const canvas = document.createElement("canvas");
        canvas.width = this.size.width * times;
        canvas.height = this.size.height * times;
        canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
        canvas.toBlob((blob) => download(blob, `${this.dataset.label}.png`), "image/png");
      });
      picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(this.drawing())}`;
    }
  }

  customElements.define("workflow-graph", WorkflowGraph);
})();
