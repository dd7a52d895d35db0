// Adds a known address, chosen from the browser's suggestions or typed, to the others.

const row = document.querySelector("[data-known]");
const input = row.querySelector("input");
const button = row.querySelector("[data-add]");
const all = document.getElementById("recipients");
const known = new Set([...row.querySelectorAll("option")].map((option) => option.value));

function add() {
  const address = input.value.trim();
  if (!address) return;
  const before = all.value.trimEnd();
  all.value = before ? `${before}\n${address}` : address;
  input.value = "";
  row.querySelector("[data-status]").textContent = row.dataset.said.replace("{address}", address);
}

button.hidden = false;
button.addEventListener("click", () => {
  add();
  input.focus();
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault(); // Enter adds the address instead of sending the form
  add();
});
// A chosen suggestion arrives as a whole; typing arrives letter by letter.
input.addEventListener("input", (event) => {
  if (event.inputType !== "insertText" && known.has(input.value)) add();
});
