"""Make 40 frames of an incident and send the alert: `python demo_video_link_service.py`."""

import logging
import sys
import time

from vigint_client.alerts import AlertManager
from vigint_client.config import load_server_settings
from vigint_client.drawing import INTERVAL, draw_incident
from vigint_client.errors import ConfigError

FRAMES = 40
WAIT = 60.0


def main() -> int:
    """Run the demo step by step; return 0 only when there is a link and nothing failed."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    # Errors are printed once, as a sentence, from the result.
    logging.getLogger("vigint_client").setLevel(logging.CRITICAL)
    print("1/4 Reading the configuration")
    try:
        server = load_server_settings()
    except ConfigError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    print(f"    server: {server.url}")
    print(f"2/4 Drawing {FRAMES} frames, {INTERVAL * 1000:.0f} ms apart")
    frames = draw_incident(FRAMES, time.time() - FRAMES * INTERVAL)
    print("3/4 Sending the alert, and waiting for the video and the mail")
    # Generated footage need not be spooled.
    manager = AlertManager(find_spool=lambda: None)
    result = manager.send_security_alert_with_video(
        message="Démonstration : une personne franchit la clôture et marche vers le quai.",
        frames=frames,
        incident_data={
            "incident_type": "Intrusion",
            "risk_level": "LOW",
            "confidence": 0.92,
            "analysis": "Images dessinées par la démonstration.",
            "site": "Démonstration",
            "camera": "Caméra dessinée",
        },
        wait=WAIT,
    )
    print("4/4 Result")
    if not result["success"]:
        print(result["error"], file=sys.stderr)
        if result["fallback_used"]:
            print(f"A mail without video went to {result['recipient']}.", file=sys.stderr)
        return 1
    return _report(result)


def _report(result: dict[str, object]) -> int:
    link = result["video_link_info"]
    print(f"    incident: {result['reference'] or result['incident_id']}")
    if isinstance(link, dict):
        print(f"    private link: {link['private_link']}")
        print(f"    works until: {link['expiration_time']}")
        print(f"    SHA-256: {link['file_hash'] or 'not known yet'}")
    print(f"    frames: {result['frames_sent']} sent, {result['frames_left_out']} left out")
    deliveries = result["deliveries"]
    for delivery in deliveries if isinstance(deliveries, list) else []:
        print(f"    mail to {delivery.get('recipient')}: {delivery.get('state')}")
    if result["pending"]:
        print(
            f"The server has accepted the alert, but has not finished it within {WAIT:.0f} "
            "seconds: look at the incident in its dashboard.",
            file=sys.stderr,
        )
        return 1
    if not result["video_link_provided"]:
        print(
            f"The alert was sent without a video: {result.get('error', 'see the server log')}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
