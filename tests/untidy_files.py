"""Files as people have them, written by hand, and how a user reads each with pandas."""

import gzip
import zipfile
from datetime import date

import numpy as np
import pandas as pd

N_ROWS = 40


def columns(n_rows=N_ROWS):
    """Return columns of all kinds, their targets, and a frame of both."""
    rng = np.random.default_rng(0)
    size = rng.uniform(900, 9000, n_rows).round(1)
    garage = rng.integers(0, 2, n_rows).astype(bool)
    colour = rng.choice(["rosso", "blu", "verde acqua"], n_rows)
    days = rng.integers(0, 900, n_rows)
    sold = [date.fromordinal(737425 + int(day)) for day in days]
    price = (size / 10 + 40 * garage + 30 * (colour == "rosso")).round(2)
    return pd.DataFrame(
        {"size": size, "garage": garage, "colour": colour, "sold": sold, "price": price}
    )


def european(number):
    """Write a number as 1.234,5."""
    return f"{number:,}".translate(str.maketrans(",.", ".,"))


def lines(frame, delimiter=",", **formats):
    """Return the lines of a CSV file; formats write the values of a column."""
    written = [",".join(frame.columns).replace(",", delimiter)]
    for row in frame.itertuples(index=False):
        cells = [
            formats.get(name, str)(value)
            for name, value in zip(frame.columns, row, strict=True)
        ]
        written.append(delimiter.join(cells))
    return written


def semicolons(folder):
    """Semicolons, decimal commas, points between thousands."""
    frame = columns().drop(columns="sold")
    text = "\n".join(lines(frame, ";", size=european, price=european))
    (folder / "data.csv").write_text(text)
    return "data.csv", lambda path, **options: pd.read_csv(path, sep=";", **options)


def thousands(folder):
    """Separated thousands, percent and currency signs, and a stray word."""
    frame = columns()[["size", "colour", "price"]]
    frame["share"] = frame["size"] / 100
    written = lines(
        frame,
        "\t",
        size=lambda v: f"{v:,}",
        price=lambda v: f"$ {v:,}",
        share=lambda v: f"{v:.1f} %",
    )
    written[5] = written[5].replace(written[5].split("\t")[0], "n.v.")
    (folder / "data.tsv").write_text("\n".join(written))
    return "data.tsv", lambda path, **options: pd.read_csv(path, sep="\t", **options)


def dates(folder):
    """Days before months, and an identifier that counts the rows."""
    frame = columns()
    frame.insert(0, "nr", np.arange(N_ROWS) + 5000)
    text = "\n".join(lines(frame, sold=lambda v: v.strftime("%d.%m.%Y")))
    (folder / "data.csv").write_text(text)
    return "data.csv", pd.read_csv


def free_text(folder):
    """Quoted texts with commas, line ends and quotes."""
    frame = columns()[["size", "garage", "price"]]
    frame["note"] = [f'"a ""fine"" house, no {i},\nwith garden"' for i in range(N_ROWS)]
    (folder / "data.csv").write_text("\r\n".join(lines(frame)))
    return "data.csv", pd.read_csv


def empty_columns(folder):
    """An index without a name, trailing commas, an empty column, blank lines."""
    frame = columns()[["size", "garage", "price"]]
    frame.insert(1, "empty", "")
    written = lines(frame)
    written = [f"{'' if i == 0 else i - 1},{line},," for i, line in enumerate(written)]
    written.insert(9, "")
    written.insert(12, ",,,,,,")
    (folder / "data.csv").write_text("\n".join(written))
    return "data.csv", pd.read_csv


def notes_above(folder):
    """Notes, a blank line and a comment above the header; packed by gzip."""
    above = ["Houses, exported by hand", "on 2024-05-01", "", "# one row a house"]
    text = "\n".join(above + lines(columns().drop(columns="sold")))
    (folder / "data.csv.gz").write_bytes(gzip.compress(text.encode()))
    return "data.csv.gz", lambda path, **options: pd.read_csv(
        path, skiprows=4, **options
    )


def latin(folder):
    """Latin-1 with a line that names the separator."""
    frame = columns().drop(columns="sold").rename(columns={"size": "größe"})
    text = "\n".join(["sep=|", *lines(frame, "|", colour=lambda v: v + "é")])
    (folder / "data.csv").write_bytes(text.encode("latin-1"))
    return "data.csv", lambda path, **options: pd.read_csv(
        path, sep="|", skiprows=1, encoding="latin-1", **options
    )


def utf16(folder):
    """UTF-16 with a byte-order mark, as Excel saves text; packed by zip."""
    frame = columns().drop(columns="sold").rename(columns={"colour": "λ"})
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.writestr("data.txt", "\n".join(lines(frame, "\t")).encode("utf-16"))
    return "data.zip", lambda path, **options: pd.read_csv(
        path, sep="\t", encoding="utf-16", **options
    )


def mixed_types(folder):
    """House numbers with letters, words for missing values, booleans with gaps."""
    frame = columns()[["size", "garage", "price"]].astype(object)
    frame["number"] = [f"{i % 7:02d}" + "a" * (i % 5 == 0) for i in range(N_ROWS)]
    frame.loc[[3, 8], "size"] = "-"
    frame.loc[[4, 9], "size"] = "#N/A"
    frame.loc[5, "garage"] = "?"
    frame.loc[6, "price"] = "<NA>"
    (folder / "data.csv").write_text(
        "\ufeff" + "\n".join(lines(frame)), encoding="utf-8"
    )
    return "data.csv", pd.read_csv


def parquet(folder):
    """Parquet with dates, categories and nullable types."""
    frame = columns()
    frame["sold"] = pd.to_datetime(frame["sold"]).astype("datetime64[ns]")
    frame["colour"] = frame["colour"].astype("category")
    frame["garage"] = frame["garage"].astype("boolean").where(frame.index % 9 > 0)
    frame.to_parquet(folder / "data.parquet")
    return "data.parquet", pd.read_parquet


def excel(folder):
    """Excel with a title above the header, dates and empty cells."""
    frame = columns()
    frame.loc[::6, "size"] = np.nan
    with pd.ExcelWriter(folder / "data.xlsx") as book:
        frame.to_excel(book, startrow=2, index=False)
        book.sheets["Sheet1"]["A1"] = "Houses of the year"
    return "data.xlsx", lambda path, **options: pd.read_excel(
        path, skiprows=2, **options
    )


FILES = {
    make.__name__: make
    for make in (
        *(semicolons, thousands, dates, free_text, empty_columns, notes_above),
        *(latin, utf16, mixed_types, parquet, excel),
    )
}
