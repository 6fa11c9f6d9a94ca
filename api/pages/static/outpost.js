// Optional extras of the pages: suggestions in the search box, and share buttons. Every page works without them.
"use strict";

// Turns the search box into a combobox: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
function addSuggestions(form) {
  const root = form.dataset.root;
  const input = form.elements.q;
  const list = document.createElement("ul");
  const status = document.createElement("p");
  let suggestions = [];
  // Index of the highlighted suggestion, -1 if there is none.
  let active = -1;
  // The AbortController of the latest request.
  let controller = null;

  Object.assign(list, { id: "suggestions_", role: "listbox", ariaLabel: "Suggestions", hidden: true });
  Object.assign(status, { role: "status", className: "unseen" });
  form.append(list, status);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");

  const pathOf = {
    query: (suggestion) => `/search?q=${encodeURIComponent(suggestion.text)}`,
    topic: (suggestion) => `/topics/${encodeURIComponent(suggestion.id)}`,
    publisher: (suggestion) => `/publishers/${encodeURIComponent(suggestion.id)}`,
    // The server redirects to the URL with the slug of the story.
    story: (suggestion) => `/s/story-${encodeURIComponent(suggestion.id)}`,
  };

  function makeOption(suggestion, index) {
    const option = document.createElement("li");
    const text = document.createElement("span");
    const kind = document.createElement("small");
    // The highlight is HTML with <mark> as its only element. Only its text is used, so it cannot inject markup.
    for (const node of new DOMParser().parseFromString(suggestion.highlight, "text/html").body.childNodes) {
      const part = document.createElement(node.nodeName === "MARK" ? "mark" : "span");
      part.textContent = node.textContent;
      text.append(part);
    }
    text.dir = "auto";
    kind.textContent = suggestion.type === "story" ? "story" : `${suggestion.type === "query" ? "" : suggestion.type + " · "}${suggestion.count.toLocaleString("en")}`;
    Object.assign(option, { id: `suggestion_${index}`, role: "option", ariaSelected: "false" });
    option.append(text, " ", kind);
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => openSuggestion(suggestion));
    return option;
  }

  function openSuggestion(suggestion) {
    close();
    location.assign(root + pathOf[suggestion.type](suggestion));
  }

  function setActive(index) {
    active = index;
    [...list.children].forEach((option, n) => (option.ariaSelected = String(n === active)));
    if (active < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[active].id);
  }

  function show(newSuggestions) {
    suggestions = newSuggestions;
    list.replaceChildren(...suggestions.map(makeOption));
    list.hidden = !suggestions.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    status.textContent = suggestions.length ? `${suggestions.length} ${suggestions.length === 1 ? "suggestion" : "suggestions"}` : "";
    setActive(-1);
  }

  function close() {
    controller?.abort();
    show([]);
  }

  async function fetchSuggestions() {
    controller?.abort();
    controller = new AbortController();
    const text = input.value.slice(0, 200);
    if (!text.trim()) return close();
    try {
      const url = `${root}/v1/suggest?limit=8&q=${encodeURIComponent(text)}`;
      const response = await fetch(url, { signal: controller.signal });
      if (response.ok) show((await response.json()).suggestions);
    } catch (error) {
      if (error.name !== "AbortError") show([]);
    }
  }

  input.addEventListener("input", fetchSuggestions);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && list.hidden) fetchSuggestions();
    else if (list.hidden) return;
    else if (event.key === "ArrowDown") setActive(active + 1 < suggestions.length ? active + 1 : -1);
    else if (event.key === "ArrowUp") setActive(active < 0 ? suggestions.length - 1 : active - 1);
    else if (event.key === "Enter" && active >= 0) openSuggestion(suggestions[active]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}

function addShareButtons(share) {
  const url = share.querySelector(".address").href;
  const status = share.querySelector("[data-status]");
  const copyButton = share.querySelector("[data-copy]");
  const shareButton = share.querySelector("[data-share]");
  if (navigator.clipboard) {
    copyButton.hidden = false;
    copyButton.addEventListener("click", () =>
      navigator.clipboard.writeText(url).then(
        () => (status.textContent = "Link copied."),
        () => (status.textContent = "The link could not be copied."),
      ),
    );
  }
  if (navigator.share) {
    shareButton.hidden = false;
    // The promise is rejected if the reader cancels.
    shareButton.addEventListener("click", () => navigator.share({ title: document.title, url }).catch(() => {}));
  }
}

document.querySelectorAll("form.search").forEach(addSuggestions);
document.querySelectorAll(".share").forEach(addShareButtons);
// Remove images that fail to load: they are on the servers of publishers, who may have deleted them.
document.querySelectorAll("figure img, img.logo").forEach((image) => {
  const remove = () => (image.closest("figure") ?? image).remove();
  if (image.complete && !image.naturalWidth) remove();
  else image.addEventListener("error", remove);
});
