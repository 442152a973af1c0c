"""Makes the digit images that `predict` is measured on: 200 PNG files, from fonts alone, no pixel of MNIST in them.

    python3 make_digits.py [FOLDER OF FONTS]      (/usr/share/fonts)

Five distortions, forty images each: every digit four times, in another font each time.

    size       as printed, the digit's line 18 to 320 pixels high
    inverted   light ink on dark paper, contrast from 90 to 255
    offset     anywhere on a much larger sheet
    rotated    by up to 15 degrees either way
    noisy      Gaussian noise and specks on grey paper

Needs Pillow (13.0.0 made the committed files) and the Debian packages below. This file and its seed were committed
before the first measurement; neither has been tuned since.
"""

import math
import pathlib
import random
import sys

from PIL import Image, ImageDraw, ImageFont

SEED = 20261122

FONTS = {
    "dejavu": "DejaVuSans.ttf",  # fonts-dejavu-core
    "serif": "LiberationSerif-Regular.ttf",  # fonts-liberation
    "sans-bold": "FreeSansBold.ttf",  # fonts-freefont-ttf
    "comic": "ComicNeue-Regular.otf",  # fonts-comic-neue
    "dkg-hand": "dkg.ttf",  # fonts-dkg-handwriting
    "steve-hand": "SteveHand.ttf",  # fonts-sjfonts
    "ruf-hand": "Rufscript010.ttf",  # fonts-rufscript
    "breip-hand": "Breip.ttf",  # fonts-breip
}  # fmt: skip

generator = random.Random(SEED)


def uniform(low, high):
    return low + (high - low) * generator.random()


def glyph(path, digit, size):
    """The digit as a mask of ink, 0 to 255, with a margin of a quarter of its size."""
    font = ImageFont.truetype(str(path), size)
    left, top, right, bottom = font.getbbox(str(digit))
    margin = max(4, size // 4)
    mask = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin), 0)
    ImageDraw.Draw(mask).text((margin - left, margin - top), str(digit), fill=255, font=font)
    return mask


def paint(mask, paper, ink):
    """The mask in grey: `paper` where it is 0, `ink` where it is 255."""
    return mask.point([round(paper + (ink - paper) * level / 255) for level in range(256)])


def size(path, digit):
    # Small ones as often as large ones.
    return paint(glyph(path, digit, round(18 * (320 / 18) ** generator.random())), 255, 0)


def inverted(path, digit):
    mask = glyph(path, digit, round(uniform(40, 90)))
    paper, contrast = uniform(0, 60), uniform(90, 255)
    return paint(mask, paper, min(255, paper + contrast))


def offset(path, digit):
    mask = glyph(path, digit, round(uniform(30, 60)))
    sheet = Image.new("L", (180, 140), 0)
    place = (round(uniform(0, 180 - mask.width)), round(uniform(0, 140 - mask.height)))
    sheet.paste(mask, place)
    return paint(sheet, 255, 0)


def rotated(path, digit):
    mask = glyph(path, digit, round(uniform(40, 90)))
    return paint(mask.rotate(uniform(-15, 15), Image.Resampling.BICUBIC, expand=True), 255, 0)


def noisy(path, digit):
    image = paint(glyph(path, digit, round(uniform(40, 70))), uniform(190, 240), uniform(10, 80))
    pixels = image.load()
    sigma = uniform(6, 24)
    for y in range(image.height):
        for x in range(image.width):
            normal = math.sqrt(-2 * math.log(1 - generator.random())) * math.cos(math.tau * generator.random())
            pixels[x, y] = max(0, min(255, round(pixels[x, y] + sigma * normal)))
            if generator.random() < 0.004:
                pixels[x, y] = round(uniform(0, 255))
    return image


def main():
    roots = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/fonts")
    paths = {}
    for name, file in FONTS.items():
        found = sorted(roots.rglob(file))
        if not found:
            sys.exit(f"{file} is not below {roots}; install its Debian package")
        paths[name] = found[0]
    names = list(FONTS)
    here = pathlib.Path(__file__).parent
    for d, distort in enumerate([size, inverted, offset, rotated, noisy]):
        folder = here / distort.__name__
        folder.mkdir(exist_ok=True)
        for digit in range(10):
            for i in range(4):
                # Each distortion sees every font five times.
                name = names[(2 * i + digit + d) % len(names)]
                image = distort(paths[name], digit)
                image.save(folder / f"{digit}-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
