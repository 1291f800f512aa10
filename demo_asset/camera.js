// A picture from the camera for the question, which goes the way of one that is chosen.

/* global make, button */
/* exported makeCamera */

// labels(): the texts. input(): the field that takes files. failed(words): why there is no picture.
function makeCamera({ labels, input, failed }) {
  const view = make("video", { autoplay: true, muted: true, playsInline: true });
  const take = button("", "camera", () => shoot(), { class: "xc-button xc-primary" });
  const leave = make("button", { type: "button", class: "xc-button", onclick: () => dialog.close() });
  const dialog = make("dialog", { class: "xc-camera", onclose: () => end() }, view, make("div", { class: "xc-row" }, take, leave));
  const opener = button("", "camera", () => begin(), { class: "xc-quiet xc-camera-open", bare: true });

  async function begin() {
    try {
      view.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } } });
    } catch {
      return failed(labels().no_camera);
    }
    dialog.showModal();
    take.focus();
  }

  function end() {
    for (const track of view.srcObject?.getTracks() ?? []) track.stop();
    view.srcObject = null;
  }

  function shoot() {
    const canvas = make("canvas", { width: view.videoWidth, height: view.videoHeight });
    canvas.getContext("2d").drawImage(view, 0, 0);
    canvas.toBlob((blob) => {
      dialog.close();
      const field = input();
      if (!blob || !field) return failed(labels().no_camera);
      const files = new DataTransfer();
      files.items.add(new File([blob], "camera.jpg", { type: "image/jpeg" }));
      field.files = files.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }, "image/jpeg", 0.92);
  }

  return {
    opener, dialog,
    relabel() {
      take.lastChild.textContent = labels().camera_take;
      take.setAttribute("aria-label", labels().camera_take);
      leave.textContent = labels().cancel;
      opener.title = labels().camera;
      opener.setAttribute("aria-label", labels().camera);
      dialog.setAttribute("aria-label", labels().camera);
    },
  };
}
