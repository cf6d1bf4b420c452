"""Render the report: report/report.tex from the templates and the run's results, and report/report.pdf from that."""

import logging
from pathlib import Path

from vad.pipeline import artifacts, params, stage
from vad.report import report, typeset

SOURCE, TARGET = Path("report/report.tex"), Path("report/report.pdf")


def main() -> None:
    section = params.section("report", report.Params)
    text = report.render(report.Facts(Path(), params.read_file()), section)
    with artifacts.replacing(SOURCE) as temporary:
        temporary.write_text(text)
    engine = typeset.engine()
    with artifacts.replacing(TARGET) as temporary:
        if engine:
            log = typeset.typeset(SOURCE, temporary, engine)
            for line in typeset.overfull(log, points=10):
                logging.info("report.tex: %s", line)
        else:
            from vad.visualization import style  # matplotlib takes a second to load

            logging.warning(typeset.INSTALL)
            style.note(typeset.INSTALL, temporary)


if __name__ == "__main__":
    stage.run(main)
