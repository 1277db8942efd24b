"""CSV to model to report with AutoGluon, as its documentation begins."""

import sys

from autogluon.tabular import TabularDataset, TabularPredictor

table, new, target = sys.argv[1:]
data = TabularDataset(table)
test = data.sample(frac=0.15, random_state=0)
predictor = TabularPredictor(label=target).fit(data.drop(test.index))
print(predictor.leaderboard(test))
print(predictor.feature_importance(test))
predictor.predict_proba(TabularDataset(new)).to_csv("new.csv", index=False)
