// A video and the scores over time below it: a click on the timeline jumps there, and a line runs along.
// data: video (base64 or null), first, last (seconds of the clip that the video covers), step (seconds per frame),
// marked (what the shading is called),
// duration, lines [{name, colour, seconds, values}], level, truth [[begin, end]], events [{begin, end, type}].
const MARGIN = { left: 30, right: 6, top: 6, bottom: 20 };
const players = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".player");
  let player = players.get(root);
  if (!player) {
    player = build(root);
    players.set(root, player);
  }
  player.outside = (second) => setTriggerValue("jump", second);
  player.show(data);
  return () => player.stop();
}

function build(root) {
  const find = (selector) => root.querySelector(selector);
  const video = find("video"), canvas = find("canvas"), now = find(".now");
  const player = { data: null, loaded: null, outside: null };
  let running = 0, observer = null;

  const second = () => player.data.first + (video.currentTime || 0);
  const x = (at) => MARGIN.left + (at / player.data.duration) * (canvas.clientWidth - MARGIN.left - MARGIN.right);

  function seek(at) {
    const { first, last, step } = player.data;
    if (!player.data.video || at < first - step || at > last + step) return player.outside(at);
    video.currentTime = Math.max(0, Math.min(at, last) - first);
  }
  function nudge(frames) {
    video.pause();
    const frame = Math.round((second() - player.data.first) / player.data.step - 0.25) + frames;
    seek(player.data.first + (Math.max(0, frame) + 0.25) * player.data.step);
  }
  function values(at) {
    return player.data.lines.map((line) => {
      let place = line.seconds.findIndex((own) => own > at + 1e-6);
      place = place < 0 ? line.seconds.length - 1 : Math.max(0, place - 1);
      return `${line.name} ${line.values[place].toFixed(2)}`;
    });
  }
  function draw() {
    const data = player.data, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!data || !width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const ink = canvas.getContext("2d");
    ink.scale(ratio, ratio);
    const all = data.lines.flatMap((line) => line.values).concat(data.level === null ? [] : [data.level]);
    const low = Math.min(0, ...all), high = Math.max(1, ...all) + 0.15;
    const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    ink.fillStyle = "#f4d9c6";
    for (const [begin, end] of data.truth) ink.fillRect(x(begin), MARGIN.top, Math.max(1, x(end) - x(begin)),
      height - MARGIN.top - MARGIN.bottom);
    if (data.video && data.last - data.first < data.duration - 2 * data.step) {
      ink.fillStyle = "#777";
      ink.fillRect(x(data.first), height - MARGIN.bottom, x(data.last) - x(data.first), 3);
    }
    ink.font = "12px sans-serif";
    ink.fillStyle = "#777";
    ink.strokeStyle = "#e9ecef";
    ink.lineWidth = 1;
    for (let value = Math.ceil(low); value <= high; value += Math.max(1, Math.ceil((high - low) / 5))) {
      line(ink, [[MARGIN.left, y(value)], [width - MARGIN.right, y(value)]]);
      ink.fillText(String(value), 4, y(value) + 4);
    }
    const tick = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800].find((own) => data.duration / own <= 12) || 3600;
    for (let at = 0; at <= data.duration; at += tick) ink.fillText(`${at} s`, x(at) - 6, height - 5);
    for (const own of [...data.lines].reverse()) {
      ink.strokeStyle = own.colour;
      ink.lineWidth = own === data.lines[0] ? 2 : 1.3;
      line(ink, own.seconds.map((at, place) => [x(at), y(own.values[place])]));
    }
    if (data.level !== null) {
      ink.setLineDash([6, 4]);
      ink.strokeStyle = "#333";
      ink.lineWidth = 1;
      line(ink, [[MARGIN.left, y(data.level)], [width - MARGIN.right, y(data.level)]]);
      ink.setLineDash([]);
    }
    const at = second();
    ink.strokeStyle = "#333";
    ink.lineWidth = 1.5;
    line(ink, [[x(at), MARGIN.top], [x(at), height - MARGIN.bottom]]);
    const kinds = data.events.filter((own) => own.begin <= at && at <= own.end).map((own) => own.type);
    now.textContent = [`${at.toFixed(2)} s`, ...values(at)].join("    ");
    find(".event").textContent = kinds.join(", ");
    root.dataset.second = at.toFixed(3);
  }
  function loop() {
    draw();
    running = video.paused ? 0 : requestAnimationFrame(loop);
  }

  const toggle = () => (video.paused ? video.play() : video.pause());
  const paces = [1, 2, 0.25, 0.5];
  find(".play").onclick = toggle;
  video.onclick = toggle;
  find(".pace").onclick = () => {
    paces.push(paces.shift());
    video.playbackRate = paces[0];
    find(".pace").textContent = `${paces[0]} \u00d7`;
  };
  find(".back").onclick = () => nudge(-1);
  find(".forward").onclick = () => nudge(1);
  root.onkeydown = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in steps) nudge(steps[event.key]);
    else if (event.key === " " && event.target === root) toggle();
    else return;
    event.preventDefault();
  };
  canvas.onclick = (event) => {
    const share = (event.offsetX - MARGIN.left) / (canvas.clientWidth - MARGIN.left - MARGIN.right);
    seek(Math.max(0, Math.min(1, share)) * player.data.duration);
  };
  video.onplay = () => loop();
  for (const name of ["play", "pause", "ended"]) {
    video.addEventListener(name, () => (find(".play").textContent = video.paused ? "\u25b6" : "\u2759\u2759"));
  }
  for (const name of ["seeked", "pause", "timeupdate", "loadeddata"]) video.addEventListener(name, draw);

  player.show = (data) => {
    player.data = data;
    video.style.display = data.video ? "block" : "none";
    if (data.video && player.loaded !== data.video) {
      const keep = player.loaded && data.at === null ? second() - data.first : (data.at ?? data.first) - data.first;
      player.loaded = data.video;
      const bytes = Uint8Array.from(atob(data.video), (letter) => letter.charCodeAt(0));
      if (video.src) URL.revokeObjectURL(video.src);
      video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
      video.onloadedmetadata = () => (video.currentTime = Math.max(0, Math.min(keep, video.duration)));
    }
    const legend = find(".legend");
    legend.replaceChildren(...data.lines.map((own) => entry(own.name, own.colour)));
    if (data.truth.length) legend.append(entry(data.marked || "labelled abnormal", "#f4d9c6", "truth"));
    if (data.level !== null) legend.append(entry(`- - threshold of ${data.lines[0].name}`, "transparent"));
    observer = observer || new ResizeObserver(draw);
    observer.observe(canvas);
    draw();
  };
  player.stop = () => {
    cancelAnimationFrame(running);
    if (observer) observer.disconnect();
  };
  return player;
}

function line(ink, points) {
  ink.beginPath();
  points.forEach(([x, y], place) => (place ? ink.lineTo(x, y) : ink.moveTo(x, y)));
  ink.stroke();
}

function entry(text, colour, kind) {
  const element = document.createElement("span");
  element.textContent = text;
  element.style.setProperty("--colour", colour);
  if (kind) element.className = kind;
  return element;
}
