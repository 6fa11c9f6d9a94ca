// What pages do more where there is a script: suggestions in the search box, and sharing. Without it nothing is missing.
"use strict";

// The search box as a combobox: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
function addSuggestions(form) {
  const root = form.dataset.root;
  const input = form.elements.q;
  const list = document.createElement("ul");
  const status = document.createElement("p");
  let options = [];
  let chosen = -1;
  let asking = null;

  Object.assign(list, { id: "suggestions_", role: "listbox", ariaLabel: "Suggestions", hidden: true });
  Object.assign(status, { role: "status", className: "unseen" });
  form.append(list, status);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");

  const placeOf = {
    query: (one) => `/search?q=${encodeURIComponent(one.text)}`,
    topic: (one) => `/topics/${encodeURIComponent(one.id)}`,
    publisher: (one) => `/publishers/${encodeURIComponent(one.id)}`,
    // Whatever stands before the id, the server leads to the right address.
    story: (one) => `/s/story-${encodeURIComponent(one.id)}`,
  };

  function makeOption(one, number) {
    const option = document.createElement("li");
    const text = document.createElement("span");
    const kind = document.createElement("small");
    // The highlight is HTML with <mark> alone; only its texts are taken.
    for (const node of new DOMParser().parseFromString(one.highlight, "text/html").body.childNodes) {
      const part = document.createElement(node.nodeName === "MARK" ? "mark" : "span");
      part.textContent = node.textContent;
      text.append(part);
    }
    text.dir = "auto";
    kind.textContent = one.type === "story" ? "story" : `${one.type === "query" ? "" : one.type + " · "}${one.count.toLocaleString("en")}`;
    Object.assign(option, { id: `suggestion_${number}`, role: "option", ariaSelected: "false" });
    option.append(text, " ", kind);
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => go(one));
    return option;
  }

  function go(one) {
    close();
    location.assign(root + placeOf[one.type](one));
  }

  function choose(number) {
    chosen = number;
    [...list.children].forEach((option, n) => (option.ariaSelected = String(n === chosen)));
    if (chosen < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[chosen].id);
  }

  function show(suggestions) {
    options = suggestions;
    list.replaceChildren(...suggestions.map(makeOption));
    list.hidden = !suggestions.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    status.textContent = suggestions.length ? `${suggestions.length} suggestions` : "";
    choose(-1);
  }

  function close() {
    asking?.abort();
    show([]);
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const typed = input.value.slice(0, 200);
    if (!typed.trim()) return close();
    try {
      const url = `${root}/v1/suggest?limit=8&q=${encodeURIComponent(typed)}`;
      const answer = await fetch(url, { signal: asking.signal });
      if (answer.ok) show((await answer.json()).suggestions);
    } catch (error) {
      if (error.name !== "AbortError") show([]);
    }
  }

  input.addEventListener("input", ask);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && list.hidden) ask();
    else if (list.hidden) return;
    else if (event.key === "ArrowDown") choose(chosen + 1 < options.length ? chosen + 1 : -1);
    else if (event.key === "ArrowUp") choose(chosen < 0 ? options.length - 1 : chosen - 1);
    else if (event.key === "Enter" && chosen >= 0) go(options[chosen]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}

function addSharing(share) {
  const address = share.querySelector(".address").href;
  const said = share.querySelector("[data-said]");
  const copy = share.querySelector("[data-copy]");
  const send = share.querySelector("[data-share]");
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", () =>
      navigator.clipboard.writeText(address).then(
        () => (said.textContent = "The link is copied."),
        () => (said.textContent = "The link could not be copied."),
      ),
    );
  }
  if (navigator.share) {
    send.hidden = false;
    // Rejected where the reader changes their mind.
    send.addEventListener("click", () => navigator.share({ title: document.title, url: address }).catch(() => {}));
  }
}

document.querySelectorAll("form.search").forEach(addSuggestions);
document.querySelectorAll(".share").forEach(addSharing);
// A picture lies on its publisher's server, and may be gone from there.
document.querySelectorAll("figure img, img.logo").forEach((image) => {
  const remove = () => (image.closest("figure") ?? image).remove();
  if (image.complete && !image.naturalWidth) remove();
  else image.addEventListener("error", remove);
});
