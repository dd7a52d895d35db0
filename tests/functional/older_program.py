"""A detector's program written for the earlier library; prints its results as JSON."""

import base64
import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

sys.path.append(".")

from alerts import (
    AlertManager,
    send_info_alert,
    send_security_alert_with_video,
)
from video_link_service import (
    VideoLinkService,
    create_and_upload_video_from_frames,
    upload_incident_video,
)


def _frames(count: int) -> list[dict[str, object]]:
    frames: list[dict[str, object]] = []
    for number in range(count):
        picture = np.zeros((240, 320, 3), dtype=np.uint8)
        cv2.rectangle(picture, (number * 5, 100), (number * 5 + 40, 180), (255, 255, 255), -1)
        _, buffer = cv2.imencode(".jpg", picture)
        frames.append(
            {
                "frame_data": base64.b64encode(buffer.tobytes()).decode("utf-8"),
                "frame_count": number + 1,
                "timestamp": datetime.now().isoformat(),  # noqa: DTZ005 - as such programs do it
            }
        )
    return frames


def main() -> None:
    seen: dict[str, object] = {}
    service = VideoLinkService()
    seen["settings"] = [service.base_url, bool(service.api_key), service.default_expiration_hours]
    frames = _frames(40)
    data = {
        "incident_type": "vol à l'étalage",
        "risk_level": "DEMO",
        "analysis": "Client observé près de la section A.",
        "frame_count": 40,
        "confidence": 0.92,
    }
    result = send_security_alert_with_video("Un incident", frames, data)
    link = result["video_link_info"]
    seen["alert"] = [result["success"], result["recipient"], link["file_hash"][:16]]
    path = AlertManager().create_video_from_frames(frames)
    assert path is not None
    seen["local"] = Path(path).stat().st_size > 0
    hosted = upload_incident_video(path, data, expiration_hours=1)
    Path(path).unlink()
    token = hosted["private_link"].split("token=")[1]
    verified = service.verify_link_access(hosted["video_id"], token)
    seen["hosted"] = [hosted["success"], verified["valid"], verified.get("error")]
    extended = service.extend_link_expiration(hosted["video_id"], additional_hours=24)
    seen["extended"] = bool(extended["success"] and extended["new_expiration"])
    seen["private_link"] = hosted["private_link"]
    made = create_and_upload_video_from_frames(_frames(10), data, expiration_hours=1)
    seen["made"] = [made["success"], "token=" in made["private_link"], len(made["file_hash"])]
    info = send_info_alert("Caméra 3 muette")
    seen["info"] = info["email"]["success"]
    missing = str(Path(tempfile.gettempdir()) / "nonexistent_video.mp4")
    seen["missing"] = upload_incident_video(missing, {})["success"]
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
