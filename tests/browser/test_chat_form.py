"""What a person gives the chat: a picture of the camera, a system prompt."""

import time
from typing import Any

import pytest

from ui.chat import tab

pytestmark = pytest.mark.browser
SYSTEM = "#xc-chat-system textarea"
# a camera that shows a red picture
CAMERA = """() => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 320, height: 240 });
  const brush = canvas.getContext("2d");
  brush.fillStyle = "red";
  setInterval(() => brush.fillRect(0, 0, 320, 240), 30);
  navigator.mediaDevices.getUserMedia = async () => (window.camera = canvas.captureStream(30));
}"""


@pytest.fixture
def page(lasting_page: Any) -> Any:
    lasting_page.click("[role=tab] >> nth=1")
    lasting_page.wait_for_selector("#xc-chat-box textarea")
    return lasting_page


def test_a_picture_of_the_camera_goes_into_the_question(page: Any) -> None:
    page.evaluate(CAMERA)
    page.click(".xc-camera-open")
    page.wait_for_selector("dialog.xc-camera[open] video")
    page.wait_for_function("document.querySelector('dialog.xc-camera video').videoWidth === 320")
    page.click("dialog.xc-camera .xc-primary")
    page.wait_for_selector("#xc-chat-box img")
    assert page.locator("dialog.xc-camera[open]").count() == 0
    assert page.evaluate("window.camera.getTracks().every((track) => track.readyState === 'ended')")
    # where there is none, it is said
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none')); }")
    page.click(".xc-camera-open")
    page.wait_for_selector(".xc-chats-said >> text=camera")


def test_a_system_prompt_is_not_taken_away_by_a_late_answer(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    act = tab.quick_action

    def late(*arguments: Any) -> Any:
        time.sleep(1)
        return act(*arguments)

    monkeypatch.setattr(tab, "quick_action", late)
    page.click("#xc-chat-settings button >> nth=0")
    page.fill(SYSTEM, "Speak like a sailor.")  # the opened field has its value by now
    page.evaluate("window.xcAsked = { act: 'new' }; window.dispatchEvent(new Event('xc-chat-do'))")
    page.fill(SYSTEM, "Speak like a pirate.")
    page.wait_for_timeout(1500)
    assert page.input_value(SYSTEM) == "Speak like a pirate."
