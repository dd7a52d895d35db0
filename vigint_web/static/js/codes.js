// Recovery codes: saved as a file or printed, in the browser only.

for (const tools of document.querySelectorAll("[data-codes]")) {
  tools.hidden = false;
  const codes = document.getElementById(tools.dataset.codes);
  tools.querySelector("[data-print]").addEventListener("click", () => window.print());
  tools.querySelector("[data-save]").addEventListener("click", () => {
    const text = `${tools.dataset.title}\n\n${codes.textContent.trim()}\n`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = tools.dataset.name;
    link.click();
    URL.revokeObjectURL(address);
  });
}
