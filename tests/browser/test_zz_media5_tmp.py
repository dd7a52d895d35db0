from tests.browser.test_formats_play import _play
from tests.format_samples import FORMATS
def test_subset(vigint, window, tmp_path):
    skip = {"h264-index-first.mp4","mpeg4-aac.m4v","vp9-opus.mkv","mpeg4-silent.avi","h264-silent.mkv","mjpeg-pcm.mkv","mpeg4-pcm.mov","hevc-aac.mov"}
    forms = [f for f in FORMATS if f.name not in skip and ("phone" in f.name or "-" in f.name)]
    import os
    n=int(os.environ.get("PART","0")); forms=forms[n*16:(n+1)*16]
    print([f.name for f in forms])
    _play(forms, vigint, window(logged_in=True), tmp_path)
